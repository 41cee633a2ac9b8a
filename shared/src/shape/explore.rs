//! Walks the tree of a type: one question per node, answered by [`probe`](super::probe).

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::probe::{Answer, Container, Kind, Run, Step, TRIES};
use super::{Content, Field, MAX_DEPTH, MAX_ITEMS, MAX_NODES, Type, Variant};

/// The most made-up values for one question.
const MAX_FILLERS_PER_RUN: u32 = 4_096;

/// The most made-up values for one type.
const MAX_FILLERS: u32 = 1_000_000;

/// The shape of the type that `deserialize` is about.
pub(super) fn explore(deserialize: fn(&Run<'_>)) -> Type {
    Explorer {
        deserialize,
        path: Vec::new(),
        inside: Vec::new(),
        nodes_left: MAX_NODES,
        fillers_left: MAX_FILLERS,
    }
    .ty()
}

struct Explorer {
    deserialize: fn(&Run<'_>),
    /// The way from the root to the node at hand.
    path: Vec<Step>,
    /// The containers on that way, outermost first.
    inside: Vec<Container>,
    nodes_left: usize,
    fillers_left: u32,
}

impl Explorer {
    /// The type at the end of the path.
    fn ty(&mut self) -> Type {
        match self.ask() {
            Some(Answer::Leaf(ty)) => ty,
            Some(Answer::Option) => Type::Option(Box::new(self.at(Step::Some))),
            Some(Answer::Seq) => Type::Seq(Box::new(self.at(Step::Item(0)))),
            Some(Answer::Map) => {
                Type::Map(Box::new(self.at(Step::Key)), Box::new(self.at(Step::Value)))
            }
            Some(Answer::Tuple(len)) => self.items(len).map_or(Type::Any, Type::Tuple),
            Some(Answer::Container(container)) => self.container(container),
            Some(_) | None => Type::Any,
        }
    }

    fn container(&mut self, container: Container) -> Type {
        if self.inside.contains(&container) {
            // The name must lead to the right one: another of the same name may lie between.
            let nearest = self
                .inside
                .iter()
                .rfind(|outer| outer.name == container.name);
            return if nearest == Some(&container) {
                Type::Recursive(container.name.to_owned())
            } else {
                Type::Any
            };
        }
        self.inside.push(container);
        let name = container.name.to_owned();
        let ty = match container.kind {
            Kind::Struct(fields) => Type::Struct {
                name,
                fields: self.fields(fields),
            },
            Kind::Newtype => Type::Newtype {
                name,
                inner: Box::new(self.at(Step::Newtype)),
            },
            Kind::Tuple(len) => self
                .items(len)
                .map_or(Type::Any, |items| Type::TupleStruct { name, items }),
            Kind::Enum(variants) => Type::Enum {
                name,
                variants: variants.iter().map(|name| self.variant(name)).collect(),
            },
        };
        self.inside.pop();
        ty
    }

    fn variant(&mut self, name: &'static str) -> Variant {
        self.path.push(Step::Variant(name));
        let content = match self.ask() {
            Some(Answer::UnitVariant) => Content::Unit,
            Some(Answer::NewtypeVariant) => Content::Newtype(self.at(Step::Newtype)),
            Some(Answer::TupleVariant(len)) => self
                .items(len)
                .map_or(Content::Newtype(Type::Any), Content::Tuple),
            Some(Answer::StructVariant(fields)) => Content::Struct(self.fields(fields)),
            Some(_) | None => Content::Newtype(Type::Any),
        };
        self.path.pop();
        Variant {
            name: name.to_owned(),
            content,
        }
    }

    fn fields(&mut self, names: &'static [&'static str]) -> Vec<Field> {
        let field = |(index, name): (usize, &&'static str)| Field {
            name: (*name).to_owned(),
            ty: self.at(Step::Field { index, name }),
        };
        names.iter().enumerate().map(field).collect()
    }

    /// None when there are too many to list.
    fn items(&mut self, len: usize) -> Option<Vec<Type>> {
        (len <= MAX_ITEMS).then(|| (0..len).map(|index| self.at(Step::Item(index))).collect())
    }

    fn at(&mut self, step: Step) -> Type {
        self.path.push(step);
        let ty = self.ty();
        self.path.pop();
        ty
    }

    /// What is asked for at the end of the path, if it can be reached.
    fn ask(&mut self) -> Option<Answer> {
        if self.path.len() >= MAX_DEPTH {
            return None;
        }
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        TRIES.iter().find_map(|how| {
            let run = Run::new(&self.path, how, MAX_FILLERS_PER_RUN.min(self.fillers_left));
            // Nothing of a run outlives it but its answer, so a broken invariant cannot be seen.
            let _ = catch_unwind(AssertUnwindSafe(|| (self.deserialize)(&run)));
            self.fillers_left = self.fillers_left.saturating_sub(run.fillers_used());
            run.into_answer()
        })
    }
}
