//! `SSL_GET`.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};

use base::Secret;
use model::lvs::Tls;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::ssl::{
    NameType, SslContext, SslContextBuilder, SslMethod, SslStream, SslVerifyMode, SslVersion,
};
use openssl::symm::Cipher;
use openssl::x509::{X509, X509NameBuilder};

use super::*;

/// A key, small as those of old servers are, and a certificate that nobody vouches for.
fn certificate() -> (PKey<Private>, X509) {
    let key = PKey::from_rsa(Rsa::generate(1024).expect("a key")).expect("a key");
    let mut name = X509NameBuilder::new().expect("a name");
    name.append_entry_by_text("CN", "old.example").expect("a name");
    let name = name.build();
    let mut certificate = X509::builder().expect("a certificate");
    certificate.set_version(2).expect("a version");
    certificate.set_subject_name(&name).expect("a name");
    certificate.set_issuer_name(&name).expect("a name");
    certificate.set_pubkey(&key).expect("a key");
    certificate.set_not_before(&Asn1Time::days_from_now(0).expect("a time")).expect("a time");
    certificate.set_not_after(&Asn1Time::days_from_now(1).expect("a time")).expect("a time");
    certificate.sign(&key, MessageDigest::sha1()).expect("a signature");
    (key, certificate.build())
}

fn context() -> SslContextBuilder {
    let mut builder = SslContext::builder(SslMethod::tls_server()).expect("a context");
    builder.set_min_proto_version(None).expect("any version");
    builder.set_cipher_list("DEFAULT:@SECLEVEL=0").expect("any cipher");
    let (key, certificate) = certificate();
    builder.set_certificate(&certificate).expect("a certificate");
    builder.set_private_key(&key).expect("its key");
    builder
}

/// What a server saw of a connection.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    version: Option<SslVersion>,
    name: Option<String>,
    /// The client had a certificate.
    known: bool,
    /// The client announced the end.
    end_announced: bool,
}

/// A server that answers within TLS, and tells what it saw.
fn tls_server(builder: SslContextBuilder) -> (SocketAddr, Receiver<Seen>) {
    let context = builder.build();
    let (tell, told) = channel();
    let at = server(move |stream| {
        let ssl = openssl::ssl::Ssl::new(&context).expect("a session");
        let mut stream = SslStream::new(ssl, stream).expect("a stream");
        if stream.accept().is_err() {
            return;
        }
        read_until(&mut stream, b"\r\n\r\n");
        stream.write_all(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello").expect("it is read");
        // Within TLS this is the end; the client's may follow.
        let _ = stream.shutdown();
        let end_announced =
            matches!(stream.ssl_read(&mut [0]), Err(e) if e.code() == openssl::ssl::ErrorCode::ZERO_RETURN);
        let seen = Seen {
            version: stream.ssl().version2(),
            name: stream.ssl().servername(NameType::HOST_NAME).map(str::to_owned),
            known: stream.ssl().peer_certificate().is_some(),
            end_announced,
        };
        // A test that does not ask is over.
        let _ = tell.send(seen);
    });
    (at, told)
}

fn ssl(at: SocketAddr, timeout: Duration, http: Http) -> Probe {
    Probe::Ssl(to(at, timeout), http.into())
}

fn plain_seen(version: SslVersion) -> Seen {
    Seen { version: Some(version), name: None, known: false, end_announced: false }
}

#[test]
fn servers_are_asked_in_whatever_version_they_know_and_are_not_verified() {
    for version in [SslVersion::TLS1, SslVersion::TLS1_1, SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let seen = in_namespace(move || {
            let mut builder = context();
            builder.set_max_proto_version(Some(version)).expect("a version");
            let (at, told) = tls_server(builder);
            assert_eq!(run(ssl(at, LONG, get("/"))), PASSED, "{version:?}");
            told.recv_timeout(WAIT).expect("a connection")
        });
        assert_eq!(seen, plain_seen(version));
    }
}

#[test]
fn the_name_is_that_of_the_url_or_the_check_and_only_if_it_is_wanted() {
    let names = in_namespace(|| {
        let (at, told) = tls_server(context());
        let ask = |sni, host: Option<&str>, own_host| {
            let mut http = get("/");
            http.sni = sni;
            http.urls[0].host = host.map(Into::into);
            http.urls[0].own_host = own_host;
            assert_eq!(run(ssl(at, LONG, http)), PASSED);
            told.recv_timeout(WAIT).expect("a connection").name
        };
        [
            ask(Sni::Off, Some("url"), true),
            ask(Sni::Name("given".into()), Some("url"), true),
            ask(Sni::VirtualHost(Some("check".into())), Some("url"), true),
            ask(Sni::VirtualHost(Some("check".into())), Some("server"), false),
            ask(Sni::VirtualHost(None), None, false),
        ]
    });
    let names: Vec<_> = names.iter().map(Option::as_deref).collect();
    assert_eq!(names, [None, Some("given"), Some("url"), Some("check"), None]);
}

#[test]
fn the_end_is_announced_if_the_url_says_so() {
    let announced = in_namespace(|| {
        let (at, told) = tls_server(context());
        [false, true].map(|compliant| {
            let mut http = get("/");
            http.urls[0].tls_compliant = compliant;
            assert_eq!(run(ssl(at, LONG, http)), PASSED);
            told.recv_timeout(WAIT).expect("a connection").end_announced
        })
    });
    assert_eq!(announced, [false, true]);
}

#[test]
fn a_server_that_wants_a_certificate_gets_the_one_of_the_configuration() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = |name: &str, content: Vec<u8>| -> Box<str> {
        let path = directory.path().join(name);
        std::fs::write(&path, content).expect("a file");
        path.to_str().expect("text").into()
    };
    let (key, own) = certificate();
    let locked = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), b"open").expect("a key");
    let mut settings = Tls {
        password: Some(Secret::new(b"open".to_vec())),
        authorities: None,
        certificate: Some(file("own.pem", own.to_pem().expect("a certificate"))),
        key: Some(file("key.pem", locked)),
    };
    let (known, unknown, wrong) = in_namespace(move || {
        let mut builder = context();
        let any = |_: bool, _: &mut openssl::x509::X509StoreContextRef| true;
        builder.set_verify_callback(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT, any);
        builder.set_max_proto_version(Some(SslVersion::TLS1_2)).expect("a version");
        let (at, told) = tls_server(builder);
        let prober = Prober::new(Some(&settings));
        assert_eq!(run_by(&prober, ssl(at, LONG, get("/"))), PASSED);
        let known = told.recv_timeout(WAIT).expect("a connection").known;
        prober.configure(None);
        let unknown = run_by(&prober, ssl(at, LONG, get("/")));
        settings.password = Some(Secret::new(b"wrong".to_vec()));
        prober.configure(Some(&settings));
        (known, unknown, run_by(&prober, ssl(at, LONG, get("/"))))
    });
    assert!(known);
    assert!(matches!(unknown, Answer::Failed(Failure::Tls(_))), "{unknown:?}");
    let Answer::Unable(e) = wrong else { panic!("{wrong:?}") };
    assert!(e.message.starts_with("SSL: load key "), "{}", e.message);
}

#[test]
fn what_is_no_tls_or_says_nothing_fails_in_time() {
    let (plain, closed, silent) = in_namespace(|| {
        let plain = server(|mut stream| {
            // Whoever has understood is gone.
            let _ = stream.write_all(b"220 I speak otherwise\r\n");
            await_end(&mut stream);
        });
        let silent = server(|mut stream| await_end(&mut stream));
        (
            run(ssl(plain, LONG, get("/"))),
            run(ssl(server(drop), LONG, get("/"))),
            run(ssl(silent, SHORT, get("/"))),
        )
    });
    assert!(matches!(plain, Answer::Failed(Failure::Tls(_))), "{plain:?}");
    assert!(matches!(closed, Answer::Failed(Failure::Tls(_))), "{closed:?}");
    assert_eq!(silent, failed(Failure::ReadTimeout));
}
