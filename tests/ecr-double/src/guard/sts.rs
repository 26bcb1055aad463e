//! Asking an STS who owns an access key. Only plain HTTP: it is an emulator on this machine.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::Url;

use crate::clock::amz_date;
use crate::digest::{hex, sha256};
use crate::guard::callers::Caller;

const REGION: &str = "us-east-1";
/// Emulators take any 12 digits for that account's root.
const ROOT: &str = "000000000000";
const SECRET: &str = "test";
const TYPE: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// GetAccessKeyInfo: the account of a key. Who in that account it is, STS does not tell.
pub(crate) async fn ask(endpoint: &str, access_key_id: &str) -> Option<Caller> {
    let form = format!("Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId={access_key_id}");
    let url = Url::parse(endpoint).ok()?;
    let host = format!("{}:{}", url.host_str()?, url.port_or_known_default()?);
    let request = signed(&host, form)?;
    let response = tokio::time::timeout(Duration::from_secs(5), send(&host, request)).await.ok()??;
    let text = String::from_utf8_lossy(response.body()).into_owned();
    let account = text.split_once("<Account>")?.1.split_once("</Account>")?.0;
    crate::names::is_account(account).then(|| Caller::named(access_key_id, account, "unknown"))
}

/// One request on a connection of its own.
pub(crate) async fn send(host: &str, request: Request<Full<Bytes>>) -> Option<Response<Bytes>> {
    let stream = TcpStream::connect(host).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
    Some(Response::from_parts(parts, body.collect().await.ok()?.to_bytes()))
}

/// Signature Version 4 over one form.
fn signed(host: &str, form: String) -> Option<Request<Full<Bytes>>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let date = amz_date(now);
    let day = date.get(..8)?;
    let (names, scope) = ("content-type;host;x-amz-date", format!("{day}/{REGION}/sts/aws4_request"));
    let canonical = format!(
        "POST\n/\n\ncontent-type:{TYPE}\nhost:{host}\nx-amz-date:{date}\n\n{names}\n{}",
        bare_sha256(form.as_bytes())
    );
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", bare_sha256(canonical.as_bytes()));
    let steps = [day, REGION, "sts", "aws4_request", &text];
    let seed = format!("AWS4{SECRET}").into_bytes();
    let signature = steps.iter().fold(seed, |key, step| {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &key);
        hmac::sign(&key, step.as_bytes()).as_ref().to_vec()
    });
    let header =
        format!("AWS4-HMAC-SHA256 Credential={ROOT}/{scope}, SignedHeaders={names}, Signature={}", hex(&signature));
    Request::post("/")
        .header("host", host)
        .header("content-type", TYPE)
        .header("x-amz-date", date)
        .header("authorization", header)
        .body(Full::new(Bytes::from(form)))
        .ok()
}

fn bare_sha256(bytes: &[u8]) -> String {
    sha256(bytes).trim_start_matches("sha256:").to_owned()
}
