//! The name service as Python's clients know it: `Pyro.NameServer`, over the same registry.

mod answers;
mod broadcast;
mod patterns;
mod questions;

use std::collections::BTreeSet;

use farcall_server::python::{Exception, Members, PyValue, PythonCall, PythonObject, Returned};
use farcall_shared::names::{
    Entry, MAX_PAGE, Mode, NameError, NameServer as _, Registration, Selector,
};

use crate::service::Service;
use answers::Answered;
pub(crate) use broadcast::answer_all;
use questions::{Question, registered_uri, tags, text, type_error};

/// The name under which every Pyro name server has itself.
pub(crate) const NAME_SERVER: &str = "Pyro.NameServer";

/// What hosts it is known by in Python.
const CLASS_TAG: &str = "class:Pyro5.nameserver.NameServer";

/// The Python face of a name service.
#[derive(Clone, Debug)]
pub(crate) struct Face {
    service: Service,
    /// Its own entry, which no registry holds.
    own: Entry,
}

impl Face {
    /// `uri` is where Python finds it.
    pub(crate) fn new(service: Service, uri: String) -> Self {
        let own = Entry {
            name: NAME_SERVER.to_owned(),
            uri,
            metadata: BTreeSet::from([CLASS_TAG.to_owned()]),
            epoch: 0,
            lease: None,
        };
        Self { service, own }
    }

    async fn lookup(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let [name, with_tags] =
            call.arguments([("name", None), ("return_metadata", Some(false.into()))])?;
        let name = text(&name, "name")?;
        let entry = match name == NAME_SERVER {
            true => self.own.clone(),
            false => {
                let entries = self.service.lookup(name.clone()).await;
                let first = entries.ok().and_then(|entries| entries.into_iter().next());
                first.ok_or_else(|| unknown(&name))?
            }
        };
        let answered = Answered::of(entry);
        Ok(match questions::is_true(&with_tags) {
            true => PyValue::Tuple(vec![answered.uri_object(), answered.tags()]),
            false => answered.uri_object(),
        })
    }

    async fn register(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let [name, uri, safe, metadata] = call.arguments([
            ("name", None),
            ("uri", None),
            ("safe", Some(false.into())),
            ("metadata", Some(PyValue::None)),
        ])?;
        let uri = registered_uri(&uri)?;
        let name = match name {
            PyValue::Str(name) => name,
            _ => return Err(type_error("name must be a str")),
        };
        let metadata = tags(&metadata, "metadata")?;
        let taken = || {
            let text = format!("name already registered: {name}");
            Exception::pyro("NamingError", text)
        };
        // Exclusive as the registry means it lets the same URI in once more.
        let is_there = name == NAME_SERVER || self.service.lookup(name.clone()).await.is_ok();
        if name == NAME_SERVER || questions::is_true(&safe) && is_there {
            return Err(taken());
        }
        let registration = Registration {
            name: name.clone(),
            uri,
            metadata,
            mode: match questions::is_true(&safe) {
                true => Mode::Exclusive,
                false => Mode::Replace { expected: None },
            },
            lease: None,
        };
        match self.service.register(registration).await {
            Ok(_) => Ok(PyValue::None),
            Err(NameError::Taken { .. }) => Err(taken()),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn set_metadata(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let [name, metadata] = call.arguments([("name", None), ("metadata", None)])?;
        let name = match name {
            PyValue::Str(name) => name,
            _ => return Err(type_error("name must be a str")),
        };
        let metadata = tags(&metadata, "metadata")?;
        if name == NAME_SERVER {
            let text = "the name server's own entry cannot be changed";
            return Err(Exception::pyro("NamingError", text));
        }
        match self.service.set_metadata(name.clone(), metadata).await {
            Ok(()) => Ok(PyValue::None),
            Err(NameError::Unknown { .. }) => Err(unknown(&name)),
            Err(error) => Err(refused(&error)),
        }
    }

    async fn remove(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let nothing = || Some(PyValue::None);
        let [name, prefix, regex] = call.arguments([
            ("name", nothing()),
            ("prefix", nothing()),
            ("regex", nothing()),
        ])?;
        let mut names: Vec<String> = if let Some(name) = questions::filled(&name) {
            vec![text(name, "name")?]
        } else if let Some(question) = Question::first(&prefix, &regex)? {
            let found = self.matching(question).await?;
            found.into_iter().map(|entry| entry.name).collect()
        } else {
            Vec::new()
        };
        names.dedup();
        let mut count = 0;
        for name in names {
            if name != NAME_SERVER && self.service.remove(name).await.is_ok() {
                count += 1;
            }
        }
        Ok(PyValue::Int(count))
    }

    async fn list(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let [prefix, regex, with_tags] = call.arguments([
            ("prefix", Some(PyValue::None)),
            ("regex", Some(PyValue::None)),
            ("return_metadata", Some(false.into())),
        ])?;
        let (prefix, regex) = (questions::filled(&prefix), questions::filled(&regex));
        if prefix.is_some() && regex.is_some() {
            let text = "you can only filter on one thing at a time";
            return Err(Exception::builtin("ValueError", text));
        }
        let nothing = PyValue::None;
        let question = Question::first(prefix.unwrap_or(&nothing), regex.unwrap_or(&nothing))?;
        let all = || Question::Prefix(String::new());
        let entries = self.matching(question.unwrap_or_else(all)).await?;
        Ok(answers::listed(entries, questions::is_true(&with_tags)))
    }

    async fn yplookup(&self, call: PythonCall) -> Result<PyValue, Exception> {
        let [all, any, with_tags] = call.arguments([
            ("meta_all", Some(PyValue::None)),
            ("meta_any", Some(PyValue::None)),
            ("return_metadata", Some(true.into())),
        ])?;
        let selector = match (questions::filled(&all), questions::filled(&any)) {
            (Some(_), Some(_)) => {
                let text = "you can't use meta_all or meta_any at the same time";
                return Err(Exception::builtin("ValueError", text));
            }
            (Some(all), None) => Selector::All(tags(all, "metadata_all")?),
            (None, Some(any)) => Selector::Any(tags(any, "metadata_any")?),
            (None, None) => return Ok(PyValue::Dict(Vec::new())),
        };
        let mut entries = self.selected(&selector).await?;
        if answers::selects(&selector, &self.own) {
            entries.insert(0, self.own.clone());
        }
        Ok(answers::listed(entries, questions::is_true(&with_tags)))
    }

    /// The entries that a question is about, its own among them.
    async fn matching(&self, question: Question) -> Result<Vec<Entry>, Exception> {
        let (prefix, pattern) = match question {
            Question::Prefix(prefix) => (prefix, None),
            Question::Regex(pattern) => (String::new(), Some(pattern)),
        };
        let mut entries = Vec::new();
        if self.own.name.starts_with(&prefix) {
            entries.push(self.own.clone());
        }
        entries.extend(self.selected(&Selector::Prefix(prefix)).await?);
        match pattern {
            Some(pattern) => pattern.select(entries).await,
            None => Ok(entries),
        }
    }

    /// All that the registry selects, page by page.
    async fn selected(&self, selector: &Selector) -> Result<Vec<Entry>, Exception> {
        let (mut entries, mut after) = (Vec::new(), None);
        loop {
            let limit = MAX_PAGE as u64;
            let page = self.service.list(selector.clone(), after, limit).await;
            let page = page.map_err(|error| refused(&error))?;
            entries.extend(page.entries);
            after = page.next;
            if after.is_none() {
                return Ok(entries);
            }
        }
    }
}

impl PythonObject for Face {
    fn members(&self) -> Members {
        Members::of("NameServer").with_methods([
            "count",
            "list",
            "lookup",
            "ping",
            "register",
            "remove",
            "set_metadata",
            "yplookup",
        ])
    }

    async fn call(&self, call: PythonCall) -> Result<Returned, Exception> {
        let value = match call.method.as_str() {
            "lookup" => self.lookup(call).await?,
            "register" => self.register(call).await?,
            "set_metadata" => self.set_metadata(call).await?,
            "remove" => self.remove(call).await?,
            "list" => self.list(call).await?,
            "yplookup" => self.yplookup(call).await?,
            "count" => {
                let [] = call.arguments([])?;
                PyValue::Int(i128::from(self.service.count().await) + 1)
            }
            _ => {
                let [] = call.arguments([])?;
                PyValue::None
            }
        };
        Ok(value.into())
    }
}

fn unknown(name: &str) -> Exception {
    Exception::pyro("NamingError", format!("unknown name: {name}"))
}

fn refused(error: &NameError) -> Exception {
    Exception::pyro("NamingError", error.to_string())
}
