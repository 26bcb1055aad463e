//! What a server was shown is in none of its words that are repeated, wherever it puts it and in whatever form.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use oci::Digest;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use promotion::pull::Consumer as _;
use promotion::{Error, Referrers, Source as _, Target as _};
use registry::{Connector, Distribution, Identity, Login, Network, RegistryId, Role, Side, aws_http_client};

use crate::server::{Asked, Hostile};
use crate::{app, blob, connect, sdk, tag};

/// Secrets with the characters that some form escapes, and with those at which something is taken apart, of a length that
/// base64 does not pad. Each place has its own: what is known from elsewhere does not count.
fn secrets(place: usize) -> [String; 2] {
    [format!("s3cret/w0rd:of+ann@{place:02}"), format!("p4ss?w0rd#k3y,b0b=c% d{place:02}")]
}

fn percent(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A way in which a secret is repeated.
type Form = fn(&str) -> String;

const FORMS: [(&str, Form); 7] = [
    ("as it is", |secret| secret.to_owned()),
    ("in capitals", |secret| secret.to_uppercase()),
    ("percent-encoded", |secret| percent(secret)),
    ("percent-encoded in small letters", |secret| percent(secret).to_lowercase()),
    ("percent-encoded twice", |secret| percent(&percent(secret))),
    ("in base64", |secret| STANDARD.encode(secret)),
    ("as a header with it", |secret| URL_SAFE_NO_PAD.encode(format!("ann:{secret}"))),
];

/// Where it is repeated, and whether anything of that place comes into the error.
const PLACES: [(&str, bool); 29] = [
    ("redirect", true),
    ("redirects without end", true),
    ("user of a redirect", false),
    ("link", true),
    ("location of an upload", true),
    ("realm", true),
    ("realm that is accepted", true),
    ("scheme", true),
    ("scope", false),
    ("content type", true),
    ("media type", true),
    ("digest of a child", true),
    ("Docker-Content-Digest", false),
    ("code", true),
    ("message", true),
    ("message that is cut", true),
    ("text", true),
    ("title", true),
    ("limit", true),
    ("token server", true),
    ("token server, of an identity token", true),
    ("text, of a token", true),
    ("text, of a token that is not used", true),
    ("text, of a refresh token", true),
    ("storage", true),
    ("put", true),
    ("STS", true),
    ("ECR, of an assumed role", true),
    ("proxyEndpoint", true),
];

fn ann(password: &str) -> Login {
    Login::Basic { user: "ann".into(), password: password.into(), from: "a test".into() }
}

/// A registry that asks whoever knocks like this, and answers all else like that.
fn registry(challenge: &str, answer: String) -> Hostile {
    let challenge = format!("401 Unauthorized\nwww-authenticate: {challenge}\n\n");
    Hostile::start(move |asked: &Asked| if asked.path == "/v2/" { challenge.clone() } else { answer.clone() })
}

/// One that wants a password.
fn basic(answer: String) -> Hostile {
    registry("Basic realm=\"x\"", answer)
}

async fn pull(client: &Distribution) -> Error {
    client.pull_manifest(&app(), &tag()).await.unwrap_err()
}

/// The error of one who reads from such a registry, or writes to it, and shows it this secret.
async fn failure(place: &str, secret: &str, said: &str) -> Error {
    let from = |server: &Hostile| connect(&server.address(), ann(secret), Side::Source);
    let denied = |what: &str| format!("403 Forbidden\n\n{what}");
    let json = serde_json::json!({ "errors": [{ "code": "DENIED", "message": format!("not with {said}") }] });
    let answer = match place {
        "redirect" => format!("307 Temporary Redirect\nlocation: http://10.0.0.1/{said}\n\n"),
        "redirects without end" => format!("307 Temporary Redirect\nlocation: /{said}\n\n"),
        "user of a redirect" => format!("307 Temporary Redirect\nlocation: http://ann:{said}@127.0.0.1/\n\n"),
        "link" => {
            let server = basic(format!("200 OK\nlink: <http://10.0.0.1/{said}>; rel=next\n\n{{\"manifests\":[]}}"));
            return match from(&server).referrers(&app(), Digest::of(b"x")).await.unwrap() {
                Referrers::Unclear(error) => error,
                other => panic!("{other:?}"),
            };
        }
        "location of an upload" => {
            let server = basic(format!("202 Accepted\nlocation: http://10.0.0.1/{said}\n\n"));
            return connect(&server.address(), ann(secret), Side::Target).start_upload(&app()).await.unwrap_err();
        }
        "realm" => {
            return pull(&from(&registry(&format!("Bearer realm=\"http://10.0.0.1/{said}\""), String::new()))).await;
        }
        "realm that is accepted" => {
            let tokens = Hostile::start(|_: &Asked| "403 Forbidden\n\nno");
            let challenge = format!("Bearer realm=\"{}/{said}\"", tokens.address());
            return pull(&from(&registry(&challenge, String::new()))).await;
        }
        "scope" => {
            let given =
                |asked: &Asked| if asked.nth == 0 { "200 OK\n\n{\"token\":\"t\"}" } else { "403 Forbidden\n\nno" };
            let tokens = Hostile::start(given);
            let challenge = format!("Bearer realm=\"{}/\"", tokens.address());
            let wider = format!("401 Unauthorized\nwww-authenticate: {challenge},scope=\"a:{said}:b\"\n\n");
            return pull(&from(&registry(&challenge, wider))).await;
        }
        "scheme" => format!("401 Unauthorized\nwww-authenticate: {said}\n\n"),
        "content type" => format!("200 OK\ncontent-type: {said}\n\n{{\"schemaVersion\":2}}"),
        "media type" => {
            format!("200 OK\n\n{}", serde_json::json!({ "schemaVersion": 2, "mediaType": said, "manifests": [] }))
        }
        "digest of a child" => {
            let child = serde_json::json!({ "mediaType": "m", "size": 1, "digest": said });
            format!("200 OK\n\n{}", serde_json::json!({ "schemaVersion": 2, "manifests": [child] }))
        }
        "Docker-Content-Digest" => format!("200 OK\ndocker-content-digest: {said}\n\nx"),
        "code" => denied(&serde_json::json!({ "errors": [{ "code": said }] }).to_string()),
        "message" => denied(&json.to_string()),
        // It stands where a message ends that is cut.
        "message that is cut" => denied(&format!("{}{said}", "word ".repeat(97))),
        "text" => denied(&format!("you sent {said}")),
        "title" => format!("403 Forbidden\ncontent-type: text/html\n\n<title>not {said}</title>"),
        "limit" => format!("429 Too Many Requests\nratelimit-limit: {said}\n\n"),
        "token server" | "token server, of an identity token" => {
            let answer = denied(&json.to_string());
            let tokens = Hostile::start(move |_: &Asked| answer.clone());
            let identity = || Login::IdentityToken { token: secret.into(), from: "a test".into() };
            let login = if place == "token server" { ann(secret) } else { identity() };
            let server = registry(&format!("Bearer realm=\"{}/\"", tokens.address()), String::new());
            return pull(&connect(&server.address(), login, Side::Source)).await;
        }
        "text, of a token" | "text, of a token that is not used" | "text, of a refresh token" => {
            let given = match place {
                "text, of a token" => serde_json::json!({ "token": secret }),
                "text, of a refresh token" => serde_json::json!({ "token": "used", "refresh_token": secret }),
                _ => serde_json::json!({ "token": "used", "access_token": secret }),
            };
            let tokens = Hostile::start(move |_: &Asked| format!("200 OK\n\n{given}"));
            let server = registry(&format!("Bearer realm=\"{}/\"", tokens.address()), denied(said));
            return pull(&connect(&server.address(), ann("an0ther-passw0rd"), Side::Source)).await;
        }
        "storage" => {
            let xml = format!("<Error><Code>AccessDenied</Code><Message>not with {said}</Message></Error>");
            let storage = Hostile::start(move |_: &Asked| format!("403 Forbidden\n\n{xml}"));
            let query = format!("X-Amz-SignedHeaders=host-name&X-Amz-Signature={}", percent(secret));
            let server = basic(format!("307 Temporary Redirect\nlocation: {}/blob?{query}\n\n", storage.address()));
            return connect(&server.address(), ann("an0ther-passw0rd"), Side::Source)
                .open_blob(&app(), &blob(b"x"), 0..1)
                .await
                .map(drop)
                .unwrap_err();
        }
        "put" => {
            let (opened, denied) =
                (format!("202 Accepted\nlocation: /up?_state={}\n\n", percent(secret)), denied(said));
            let server = Hostile::start(
                move |asked: &Asked| if asked.method == "POST" { opened.clone() } else { denied.clone() },
            );
            let client = connect(&server.address(), Login::Anonymous, Side::Target);
            let upload = client.start_upload(&app()).await.unwrap();
            return client.put_blob(upload, &blob(b""), futures_util::stream::empty()).await.unwrap_err();
        }
        "STS" | "ECR, of an assumed role" | "proxyEndpoint" => return of_aws(place, secret, said).await,
        other => panic!("{other}"),
    };
    pull(&from(&basic(answer))).await
}

/// The same of ECR and STS, which are one server here.
async fn of_aws(place: &str, secret: &str, said: &str) -> Error {
    let xml = |xml: &str| format!("\ncontent-type: text/xml\n\n{xml}");
    let refused = format!("<Error><Code>AccessDenied</Code><Message>not {said}</Message></Error>");
    let session = format!(
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>AKIDEXAMPLE</AccessKeyId><SecretAccessKey>key\
         </SecretAccessKey><SessionToken>{secret}</SessionToken><Expiration>2999-01-01T00:00:00Z</Expiration></Credentials>\
         </AssumeRoleResult></AssumeRoleResponse>"
    );
    let token = STANDARD.encode(format!("AWS:{secret}"));
    let data = serde_json::json!([{ "authorizationToken": token, "proxyEndpoint": format!("of {said}") }]);
    let (sts, ecr) = match place {
        "STS" => (format!("403 Forbidden{}", xml(&format!("<ErrorResponse>{refused}</ErrorResponse>"))), String::new()),
        "proxyEndpoint" => (String::new(), format!("200 OK\n\n{}", serde_json::json!({ "authorizationData": data }))),
        _ => {
            let refused = serde_json::json!({ "__type": "AccessDeniedException", "message": said });
            (format!("200 OK{}", xml(&session)), format!("400 Bad Request\n\n{refused}"))
        }
    };
    let server =
        Hostile::start(move |asked: &Asked| if asked.body.contains("AssumeRole") { sts.clone() } else { ecr.clone() });
    let config = sdk::config(&server.address(), "AKIDEXAMPLE", "eu-west-1");
    let connector = Connector::new(&config, Identity::from_arn("arn:aws:iam::111122223333:root").unwrap()).unwrap();
    let role = Role::new("aws", "111122223333", "reader", "test");
    let role = role.with_external_id(Some(secret.to_owned()).filter(|_| place == "STS"));
    let role = Some(&role).filter(|_| place != "proxyEndpoint");
    match connector.connect(RegistryId::new("111122223333", "eu-west-1"), Side::Source, role).await {
        Ok(client) => client.pull_manifest(&app(), &tag()).await.map(drop).unwrap_err(),
        Err(error) => error,
    }
}

/// What is wrong with a failure that may repeat nothing of a secret in any form, and shows where something was hidden.
fn wrong(error: &Error, secret: &str, is_repeated: bool) -> Option<String> {
    let mut said = format!("{error} {error:?}");
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        said += &format!(" {error} {error:?}");
        cause = error.source();
    }
    let small = said.to_lowercase();
    let forms = FORMS.iter().map(|(_, form)| form(secret));
    // What base64 has of it whatever stands before it.
    let shifted = ["", "x", "xx"].map(|before| STANDARD.encode(format!("{before}{secret}")));
    // Nor a part of it, where a text was cut or taken apart.
    let parts = |form: &str| form.to_lowercase().as_bytes().windows(6).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let is_shown = |part: &Vec<u8>| small.as_bytes().windows(6).any(|shown| shown == part);
    let shown = forms.chain(shifted).find(|form| parts(form).iter().any(is_shown));
    match shown {
        Some(shown) => Some(format!("of {shown} a part is shown: {said}")),
        None if is_repeated && !said.contains("[...]") => Some(format!("nothing is repeated at all: {said}")),
        None => None,
    }
}

#[tokio::test]
async fn no_secret_is_repeated_wherever_a_server_puts_it() {
    let mut all = vec![];
    for (number, (place, is_repeated)) in PLACES.into_iter().enumerate() {
        for secret in secrets(number) {
            for (name, form) in FORMS {
                let error = failure(place, &secret, &form(&secret)).await;
                all.extend(wrong(&error, &secret, is_repeated).map(|wrong| format!("{place}, {name}: {wrong}")));
            }
        }
    }
    assert!(all.is_empty(), "{}", all.join("\n"));
}

/// The message of a signature that does not match holds the canonical request, with each header.
#[tokio::test]
async fn what_aws_was_shown_is_not_repeated() {
    let [secret, _] = secrets(PLACES.len());
    for (name, form) in FORMS {
        let message = format!("The Canonical String should have been 'x-amz-security-token:{}'", form(&secret));
        let refused = serde_json::json!({ "__type": "InvalidSignatureException", "message": message });
        let server = Hostile::start(move |_: &Asked| format!("400 Bad Request\n\n{refused}"));
        let credentials = aws_credential_types::Credentials::new("AKIDEXAMPLE", "s", Some(secret.clone()), None, "");
        let config = sdk::config(&server.address(), "AKIDEXAMPLE", "eu-west-1")
            .to_builder()
            .http_client(aws_http_client(&Network::default()).unwrap())
            .credentials_provider(aws_credential_types::provider::SharedCredentialsProvider::new(credentials))
            .build();
        let caller = Identity::from_arn("arn:aws:iam::111122223333:root").unwrap();
        let connector = Connector::new(&config, caller).unwrap();
        let client = connector.connect(RegistryId::new("111122223333", "eu-west-1"), Side::Source, None).await.unwrap();
        let error = client.pull_manifest(&app(), &tag()).await.map(drop).unwrap_err();
        assert_eq!(wrong(&error, &secret, true), None, "{name}");
    }
}
