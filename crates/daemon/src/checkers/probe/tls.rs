//! What `SSL_GET` shows of itself, and what it accepts: everything.
//!
//! As with keepalived the server's certificate is not verified: a check asks whether a server works, not
//! who it is. Versions and ciphers are accepted that are too weak for secrets, since there are none.

use std::net::IpAddr;

use engine::lvs::io::OpError;
use model::lvs::{Http, Sni, Tls, Url};
use nix::errno::Errno;
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::ssl::{
    Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode,
};

/// Contexts by what the configuration says. The files are read when the first check needs them.
pub(super) struct Contexts {
    settings: Tls,
    made: Option<Result<SslContext, OpError>>,
}

impl Contexts {
    pub(super) fn new(settings: Option<&Tls>) -> Self {
        Self { settings: settings.cloned().unwrap_or_default(), made: None }
    }

    /// The context.
    ///
    /// # Errors
    /// A file of the block `SSL` can't be read or is of no use.
    pub(super) fn get(&mut self) -> Result<SslContext, OpError> {
        self.made.get_or_insert_with(|| make(&self.settings)).clone()
    }
}

/// Servers that know nothing of secure renegotiation (`SSL_OP_LEGACY_SERVER_CONNECT`), and an end that
/// is not announced (`SSL_OP_IGNORE_UNEXPECTED_EOF`): their bits in OpenSSL 3, meaningless before.
const LENIENT: u32 = 1 << 2 | 1 << 7;

fn make(settings: &Tls) -> Result<SslContext, OpError> {
    let mut builder = bare().map_err(|e| refused("make a context of TLS", &e))?;
    if let Some(file) = settings.authorities.as_deref() {
        builder.set_ca_file(file).map_err(|e| refused(&format!("SSL: load ca {file}"), &e))?;
    }
    if let Some(file) = settings.certificate.as_deref() {
        builder
            .set_certificate_chain_file(file)
            .map_err(|e| refused(&format!("SSL: load certificate {file}"), &e))?;
    }
    if let Some(file) = settings.key.as_deref() {
        set_key(&mut builder, file, settings)?;
    }
    Ok(builder.build())
}

fn bare() -> Result<SslContextBuilder, ErrorStack> {
    let mut builder = SslContext::builder(SslMethod::tls_client())?;
    builder.set_verify(SslVerifyMode::NONE);
    builder.set_min_proto_version(None)?;
    builder.set_cipher_list("DEFAULT:@SECLEVEL=0")?;
    builder.set_options(SslOptions::from_bits_retain(LENIENT.into()));
    builder.set_session_cache_mode(SslSessionCacheMode::OFF);
    // A record is read by one call.
    builder.set_read_ahead(true);
    Ok(builder)
}

fn set_key(builder: &mut SslContextBuilder, file: &str, settings: &Tls) -> Result<(), OpError> {
    let what = format!("SSL: load key {file}");
    let Some(password) = &settings.password else {
        // Without a password the library must not ask a terminal for one.
        let text = read(file, &what)?;
        let key = PKey::private_key_from_pem_callback(&text, |_| Ok(0)).map_err(|e| refused(&what, &e))?;
        return builder.set_private_key(&key).map_err(|e| refused(&what, &e));
    };
    let text = read(file, &what)?;
    let key =
        PKey::private_key_from_pem_passphrase(&text, password.reveal()).map_err(|e| refused(&what, &e))?;
    builder.set_private_key(&key).map_err(|e| refused(&what, &e))
}

fn read(file: &str, what: &str) -> Result<Vec<u8>, OpError> {
    std::fs::read(file).map_err(|e| {
        let errno = super::socket::errno(&e);
        OpError { errno, message: format!("{what}: {}", Errno::from_raw(errno).desc()).into() }
    })
}

fn refused(what: &str, error: &ErrorStack) -> OpError {
    let reason = error.errors().last().and_then(|e| e.reason()).unwrap_or("unknown error");
    OpError { errno: Errno::EINVAL as i32, message: format!("{what}: {reason}").into() }
}

/// A connection to be, with the name that the check greets with.
pub(super) fn session(context: &SslContext, name: Option<&str>) -> Result<Ssl, ErrorStack> {
    let mut ssl = Ssl::new(context)?;
    if let Some(name) = name {
        // An address is no name (RFC 6066 section 3).
        if name.parse::<IpAddr>().is_err() {
            ssl.set_hostname(name)?;
        }
    }
    Ok(ssl)
}

/// The name that the check greets with.
pub(super) fn name<'a>(http: &'a Http, url: &'a Url) -> Option<&'a str> {
    match &http.sni {
        Sni::Off => None,
        Sni::Name(name) => Some(name),
        Sni::VirtualHost(_) if url.own_host => url.host.as_deref(),
        Sni::VirtualHost(other) => other.as_deref(),
    }
}
