//! `nsc describe`: the methods of an object.

use std::fmt::Write as _;

use farcall_shared::descriptor::{Descriptor, Method, Runs};

use super::names::Names;
use super::object::{answer, connect};
use super::output::{Output, one_line, print_json, write};

pub(super) async fn describe(names: &Names, out: Output, object: &str) -> anyhow::Result<()> {
    let proxy = connect(object, names).await?;
    let descriptor = answer(&proxy, names, proxy.describe()).await?;
    match out {
        Output::Json => print_json(&descriptor),
        Output::Terminal | Output::Plain => write(text(&descriptor, proxy.label()).as_bytes()),
    }
}

fn text(descriptor: &Descriptor, uri: &str) -> String {
    let mut text = format!("{} at {uri}\n", one_line(&descriptor.service));
    doc(&mut text, "", &descriptor.doc);
    for method in &descriptor.methods {
        let marks = marks(method).join(", ");
        // Written to a string, which takes everything.
        let _ = writeln!(text, "\n  {}\n    [{marks}]", one_line(&method.to_string()));
        doc(&mut text, "    ", &method.doc);
    }
    if descriptor.open {
        text.push_str("\n  It answers any other method name too.\n");
    }
    text
}

fn marks(method: &Method) -> Vec<&'static str> {
    let mut marks = vec![match method.runs {
        Runs::Compute => "computes",
        Runs::Async => "waits",
    }];
    if method.idempotent {
        marks.push("idempotent");
    }
    if method.oneway {
        marks.push("one-way");
    }
    marks
}

fn doc(text: &mut String, indent: &str, doc: &str) {
    for line in doc.trim().lines() {
        let line = format!("{indent}{}", one_line(line));
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_shown_with_arguments_results_marks_and_docs() {
        let methods = vec![
            Method::new("square", " Squares.\n\n Twice.", Runs::Compute)
                .with_argument::<i64>("number")
                .with_result::<i64>()
                .idempotent(),
            Method::new("log", "", Runs::Async)
                .with_argument::<String>("line")
                .oneway(),
        ];
        let descriptor = Descriptor::new("Worker", "Works.", methods);
        let expected = "Worker at far:w@h:1\n\
                        Works.\n\
                        \n  square(number: i64) -> i64\n    [computes, idempotent]\n    Squares.\n\n    Twice.\n\
                        \n  log(line: string)\n    [waits, one-way]\n";
        assert_eq!(text(&descriptor, "far:w@h:1"), expected);
        let open = text(&Descriptor::open("Parrot", ""), "far:p@h:1");
        assert_eq!(
            open,
            "Parrot at far:p@h:1\n\n  It answers any other method name too.\n"
        );
    }
}
