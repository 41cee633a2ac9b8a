//! The answer to Python's search for a name server by UDP broadcast.

use std::time::Duration;

use farcall_server::python::PyroUri;
use farcall_shared::net::Datagrams;
use farcall_shared::uri::Address;
use tokio_util::sync::CancellationToken;

/// What is asked.
const QUESTION: &[u8] = b"GET_NSURI";

/// How long it pauses after an error of the socket.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers whoever asks for the name server with its URI, until the end.
pub(crate) async fn answer_all(socket: Datagrams, uri: PyroUri, ending: CancellationToken) {
    // One byte more than the question, so that longer ones are not taken for it.
    let mut question = [0; QUESTION.len() + 1];
    while let Some(asked) = ending
        .run_until_cancelled(socket.receive(&mut question))
        .await
    {
        let (count, asker) = match asked {
            Ok(asked) => asked,
            Err(error) => {
                tracing::debug!("the broadcast socket: {error}");
                ending.run_until_cancelled(tokio::time::sleep(PAUSE)).await;
                continue;
            }
        };
        if question.get(..count) != Some(QUESTION) {
            continue;
        }
        let answer = towards(&uri, asker.ip(), &socket).to_string();
        if let Err(error) = socket.send(answer.as_bytes(), asker).await {
            tracing::debug!(%asker, "cannot answer a search for the name server: {error}");
        }
    }
}

/// The URI as the asker can use it: an unspecified address becomes the one that it reaches.
fn towards(uri: &PyroUri, asker: std::net::IpAddr, socket: &Datagrams) -> PyroUri {
    let PyroUri::Object {
        object,
        address: Address::Tcp { host, port },
    } = uri
    else {
        return uri.clone();
    };
    let unspecified = host
        .parse()
        .is_ok_and(|ip: std::net::IpAddr| ip.is_unspecified());
    let local = unspecified.then(|| socket.local_towards(asker)).flatten();
    PyroUri::Object {
        object: object.clone(),
        address: Address::Tcp {
            host: local.map_or_else(|| host.clone(), |ip| ip.to_string()),
            port: *port,
        },
    }
}
