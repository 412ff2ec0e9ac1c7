//! Which trailers of a response go out, and who hears of those that do not.
//!
//! They may always be left out (RFC 9110, section 6.5.1); whoever wrote the program wonders, all the same, where they are.

use http::{HeaderValue, Request, Version, header};
use wasmote::cap::http::Fields;

/// Who hears of trailers of these names that were not sent.
type Tell = Box<dyn Fn(Lost, &[String]) + Send + Sync>;

/// What becomes of the trailers of a response.
pub struct Trailers {
    fate: Fate,
    tell: Tell,
}

/// Which trailers a client is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Fate {
    /// HTTP/2 sends all of them.
    All,
    /// HTTP/1.1 sends to who wants them those that the header section names.
    Named,
    None(Lost),
}

/// Why trailers were not sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The client does not take any.
    NotTaken,
    /// HTTP/1.1 has none behind contents of a length that was said.
    Length,
    /// They were not named before.
    NotNamed,
    /// What they say would have had to be said before.
    NotTrailers,
}

impl Lost {
    /// Whether the program could have done something about it.
    pub fn is_programs(self) -> bool {
        self != Self::NotTaken
    }

    pub fn text(self) -> &'static str {
        match self {
            Self::NotTaken => "its client takes none, which in HTTP/1.1 says `TE: trailers`",
            Self::Length => "HTTP/1.1 has none behind a `Content-Length`, which the response has",
            Self::NotNamed => {
                "HTTP/1.1 sends those alone that the response names in a `Trailer` field, where they are not ready \
                 together with it"
            }
            Self::NotTrailers => {
                "they speak of how to read the contents, which trailers may not (RFC 9110, section 6.5.1)"
            }
        }
    }
}

impl Trailers {
    /// Those that answer `request`. `tell` hears of each that is not sent.
    pub fn to<B>(request: &Request<B>, tell: impl Fn(Lost, &[String]) + Send + Sync + 'static) -> Self {
        let wants = |value: &HeaderValue| {
            let mut codings = value.as_bytes().split(|byte| *byte == b',');
            codings.any(|coding| coding.trim_ascii().eq_ignore_ascii_case(b"trailers"))
        };
        let fate = match request.version() {
            Version::HTTP_2 => Fate::All,
            Version::HTTP_11 if request.headers().get_all(header::TE).iter().any(wants) => Fate::Named,
            _ => Fate::None(Lost::NotTaken),
        };
        Self { fate, tell: Box::new(tell) }
    }

    /// The same, for a response with these fields.
    pub fn behind(self, headers: &Fields) -> Self {
        let is_measured = headers.contains("content-length");
        let fate = match self.fate {
            Fate::Named if is_measured => Fate::None(Lost::Length),
            fate => fate,
        };
        Self { fate, ..self }
    }

    /// What is sent of those that are there before the header section has gone out, which is to name them.
    pub fn early(&self, trailers: Fields) -> Option<Fields> {
        self.sent(trailers, |_| true)
    }

    /// What is sent of others, behind a header section that named `named`.
    pub fn late(&self, trailers: Fields, named: &[String]) -> Option<Fields> {
        self.sent(trailers, |name| named.iter().any(|known| known.eq_ignore_ascii_case(name)))
    }

    fn sent(&self, trailers: Fields, is_named: impl Fn(&str) -> bool) -> Option<Fields> {
        let lost = |name: &str| match self.fate {
            Fate::None(lost) => Some(lost),
            Fate::All | Fate::Named if !Fields::may_trail(name) => Some(Lost::NotTrailers),
            Fate::All => None,
            Fate::Named => (!is_named(name)).then_some(Lost::NotNamed),
        };
        let (mut sent, mut told) = (Fields::new(), Vec::new());
        for (name, value) in trailers {
            match lost(&name) {
                None => sent.append(name, value),
                Some(lost) => told.push((lost, name)),
            }
        }
        for why in [Lost::NotTaken, Lost::Length, Lost::NotNamed, Lost::NotTrailers] {
            let names: Vec<_> = told.extract_if(.., |(lost, _)| *lost == why).map(|(_, name)| name).collect();
            if !names.is_empty() {
                (self.tell)(why, &names);
            }
        }
        (!sent.is_empty()).then_some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    type Told = Arc<Mutex<Vec<(Lost, String)>>>;

    fn to(version: Version, te: &'static str, headers: &[(&str, &str)]) -> (Trailers, Told) {
        let mut request = Request::new(());
        *request.version_mut() = version;
        request.headers_mut().insert(header::TE, HeaderValue::from_static(te));
        let told = Told::default();
        let tell = told.clone();
        let tell = move |lost, names: &[String]| tell.lock().unwrap().push((lost, names.join(",")));
        (Trailers::to(&request, tell).behind(&headers.iter().copied().collect()), told)
    }

    #[test]
    fn what_is_not_sent_is_told_with_the_reason() {
        let trailers = || Fields::from_iter([("X-Sum", "1"), ("content-type", "2"), ("x-other", "3")]);
        let names = |sent: Option<Fields>| sent.map_or(0, |sent| sent.len());
        let named = ["x-sum".to_owned()];
        let all = "X-Sum,content-type,x-other".to_owned();
        for (version, te, headers, early, late, told) in [
            (Version::HTTP_2, "", &[][..], 2, 2, &[(Lost::NotTrailers, "content-type".into())][..]),
            (Version::HTTP_11, "gzip;q=1", &[], 0, 0, &[(Lost::NotTaken, all.clone())]),
            (Version::HTTP_10, "trailers", &[], 0, 0, &[(Lost::NotTaken, all.clone())]),
            (Version::HTTP_11, "trailers", &[("Content-Length", "1")], 0, 0, &[(Lost::Length, all)]),
            (
                Version::HTTP_11,
                "gzip, Trailers",
                &[],
                2,
                1,
                &[(Lost::NotNamed, "x-other".into()), (Lost::NotTrailers, "content-type".into())],
            ),
        ] {
            let (kept, _) = to(version, te, headers);
            assert_eq!(names(kept.early(trailers())), early, "{version:?} {te}");
            let (kept, heard) = to(version, te, headers);
            assert_eq!(names(kept.late(trailers(), &named)), late, "{version:?} {te}");
            assert_eq!(*heard.lock().unwrap(), told, "{version:?} {te}");
        }
    }
}
