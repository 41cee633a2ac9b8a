//! A remote trait may stand wherever a trait may, several in one place, with any visibility.
#![deny(warnings)]

pub mod outer {
    #[farcall::remote]
    pub trait First {
        fn same(&self, data: i64) -> i64;
    }

    #[farcall::remote]
    pub(crate) trait Second {
        fn same(&self, data: i64) -> i64;
    }

    pub mod inner {
        #[farcall::remote]
        pub(in crate::outer) trait Third {
            fn same(&self, data: i64) -> i64;
        }
    }

    pub fn third() -> usize {
        let _ = inner::ThirdBlocking::same;
        inner::ThirdProxy::descriptor().methods.len()
    }
}

macro_rules! contract {
    ($name:ident, $method:ident, $argument:ident: $ty:ty) => {
        #[farcall::remote]
        trait $name {
            fn $method(&self, $argument: $ty, context: u8) -> $ty;
        }
    };
}

contract!(Made, run, context_: Vec<u8>);

struct Both;

impl outer::First for Both {
    fn same(&self, data: i64) -> i64 {
        data
    }
}

impl outer::Second for Both {
    fn same(&self, data: i64) -> i64 {
        data + 1
    }
}

fn main() {
    #[farcall::remote]
    trait Local {
        fn process(&self, data: i64) -> i64;
    }

    struct Object;

    impl Local for Object {
        fn process(&self, data: i64) -> i64 {
            data
        }
    }

    let _ = Object.serve();
    let _ = outer::First::serve(Both);
    let _ = outer::Second::serve(Both);
    assert_eq!(outer::third(), 1);
    assert_eq!(LocalProxy::descriptor().service, "Local");
    assert_eq!(MadeProxy::descriptor().methods[0].name, "run");
}
