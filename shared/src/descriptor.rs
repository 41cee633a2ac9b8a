//! What an object says about itself: its methods, their arguments, marks, docs and signatures.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::shape::{Content, Type, hash};

/// The most methods of one object.
pub const MAX_METHODS: usize = 1024;

/// A service: the methods that an object answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// The trait's name.
    pub service: String,
    /// The trait's doc comment.
    pub doc: String,
    /// The methods in the order of the trait; the position is the method's number on the wire.
    pub methods: Vec<Method>,
    /// True for an object that answers method names beyond those listed.
    pub open: bool,
}

/// A descriptor that lives as long as whoever holds it: written by `#[remote]`, or made at run time.
#[derive(Clone, Debug)]
pub enum Described {
    /// Written by `#[remote]`.
    Static(&'static Descriptor),
    /// Made at run time.
    Shared(Arc<Descriptor>),
}

impl std::ops::Deref for Described {
    type Target = Descriptor;

    #[inline]
    fn deref(&self) -> &Descriptor {
        match self {
            Self::Static(descriptor) => descriptor,
            Self::Shared(descriptor) => descriptor,
        }
    }
}

impl From<&'static Descriptor> for Described {
    fn from(descriptor: &'static Descriptor) -> Self {
        Self::Static(descriptor)
    }
}

impl From<Descriptor> for Described {
    fn from(descriptor: Descriptor) -> Self {
        Self::Shared(Arc::new(descriptor))
    }
}

/// One method of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// Its doc comment.
    pub doc: String,
    /// Its arguments in order, without `&self`.
    pub arguments: Vec<Argument>,
    /// What it returns.
    pub result: Type,
    /// Where it runs.
    pub runs: Runs,
    /// True when running it twice is as good as once.
    pub idempotent: bool,
    /// True when no reply is sent.
    pub oneway: bool,
    /// Changes when the name, an argument or the result changes shape.
    pub signature: u64,
}

/// An argument of a method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Argument {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub ty: Type,
}

/// Where a method runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Runs {
    /// A plain `fn`: it computes, so it never runs where I/O is done.
    Compute,
    /// An `async fn`: it waits, on the I/O runtime.
    Async,
}

impl Descriptor {
    /// Describes a service.
    pub fn new(service: &str, doc: &str, methods: Vec<Method>) -> Self {
        Self {
            service: service.into(),
            doc: doc.into(),
            methods,
            open: false,
        }
    }

    /// A service that answers any method name.
    pub fn open(service: &str, doc: &str) -> Self {
        Self {
            open: true,
            ..Self::new(service, doc, Vec::new())
        }
    }

    /// The number and description of the method called `name`.
    pub fn method(&self, name: &str) -> Option<(u16, &Method)> {
        let index = self.methods.iter().position(|m| m.name == name)?;
        Some((u16::try_from(index).ok()?, self.methods.get(index)?))
    }

    /// Method names that look like `name`, best first.
    pub fn similar(&self, name: &str) -> Vec<String> {
        similar(name, self.methods.iter().map(|m| m.name.as_str()))
    }
}

impl Method {
    /// A method without arguments that returns nothing; the `with_*` calls say the rest.
    pub fn new(name: &str, doc: &str, runs: Runs) -> Self {
        let mut method = Self {
            name: name.into(),
            doc: doc.into(),
            arguments: Vec::new(),
            result: Type::Unit,
            runs,
            idempotent: false,
            oneway: false,
            signature: 0,
        };
        method.sign();
        method
    }

    /// Adds an argument.
    pub fn with_argument<T: for<'de> Deserialize<'de>>(self, name: &str) -> Self {
        self.with_argument_of(name, Type::of::<T>())
    }

    /// Adds an argument of a known shape.
    pub fn with_argument_of(mut self, name: &str, ty: Type) -> Self {
        self.arguments.push(Argument {
            name: name.into(),
            ty,
        });
        self.sign();
        self
    }

    /// Says what it returns.
    pub fn with_result<T: for<'de> Deserialize<'de>>(self) -> Self {
        self.with_result_of(Type::of::<T>())
    }

    /// Says what it returns, of a known shape.
    pub fn with_result_of(mut self, ty: Type) -> Self {
        self.result = ty;
        self.sign();
        self
    }

    /// Marks it as safe to run twice.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Marks it as not answered.
    pub fn oneway(mut self) -> Self {
        self.oneway = true;
        self
    }

    /// Where the method's result is Rust's `Result`: callers that know no types get its error as a failure.
    pub fn returns_result(&self) -> bool {
        matches!(&self.result, Type::Enum { name, variants }
            if name == "Result" && variants.len() == 2 && variants[0].name == "Ok" && variants[1].name == "Err")
    }

    /// True when references or streams are among its arguments or in its result, as far as their types tell.
    pub fn attaches(&self) -> bool {
        self.result.attaches() || self.arguments.iter().any(|argument| argument.ty.attaches())
    }

    /// Argument names are left out: arguments travel by position, and a new name is no new shape.
    fn sign(&mut self) {
        let mut text = format!("{}(", self.name);
        for argument in &self.arguments {
            text.push_str(&argument.ty.signature_text());
            text.push(',');
        }
        text.push_str(")->");
        text.push_str(&self.result.signature_text());
        self.signature = hash(&text);
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}(", self.name)?;
        for (i, argument) in self.arguments.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", argument.name, argument.ty)?;
        }
        write!(f, ")")?;
        if self.result != Type::Unit {
            write!(f, " -> {}", self.result)?;
        }
        Ok(())
    }
}

/// Names longer than this are not compared, neither as asked for nor as known, in bytes.
const MAX_COMPARED_BYTES: usize = 64;

/// The most names that one is compared with.
const MAX_COMPARED: usize = 256;

/// The names among `known` that look like `wanted`, best first, at most three. Takes a few milliseconds at most, whoever
/// chose the names.
pub fn similar<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    if wanted.len() > MAX_COMPARED_BYTES {
        return Vec::new();
    }
    let mut scored: Vec<(f64, &str)> = known
        .into_iter()
        .take(MAX_COMPARED)
        .filter(|name| name.len() <= MAX_COMPARED_BYTES)
        .map(|name| (strsim::jaro_winkler(wanted, name), name))
        .filter(|(score, _)| *score > 0.75)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.truncate(3);
    scored
        .into_iter()
        .map(|(_, name)| name.to_owned())
        .collect()
}

/// `; did you mean a, b?`, or nothing.
pub fn did_you_mean(similar: &[String]) -> String {
    if similar.is_empty() {
        return String::new();
    }
    format!("; did you mean {}?", similar.join(", "))
}

impl Descriptor {
    /// Describes a plain tarpc service by its request and response types, whose variants go in pairs.
    pub fn of_tarpc<Req, Resp>() -> Self
    where
        Req: for<'de> Deserialize<'de>,
        Resp: for<'de> Deserialize<'de>,
    {
        let (
            Type::Enum {
                name,
                variants: requests,
            },
            Type::Enum {
                variants: responses,
                ..
            },
        ) = (Type::of::<Req>(), Type::of::<Resp>())
        else {
            return Self::new("(no tarpc service)", "", Vec::new());
        };
        let methods = requests
            .into_iter()
            .zip(responses)
            .map(|(request, response)| {
                let mut method = Method::new(&snake_case(&request.name), "", Runs::Async);
                if let Content::Struct(fields) = request.content {
                    for field in fields {
                        method = method.with_argument_of(&field.name, field.ty);
                    }
                }
                match response.content {
                    Content::Newtype(ty) => method.with_result_of(ty),
                    _ => method,
                }
            });
        Self::new(name.trim_end_matches("Request"), "", methods.collect())
    }
}

/// tarpc names a variant after its method in CamelCase; only single underscores can be had back.
fn snake_case(camel: &str) -> String {
    let mut snake = String::with_capacity(camel.len() + 4);
    for (i, c) in camel.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}
