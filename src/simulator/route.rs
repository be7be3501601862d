//! Maps a path to a wire format and a host. Any prefix before the known tail is allowed, so that every provider's
//! base URL can point here. Pure.

use crate::providers::protocols::Dialect;

/// The host whose quirks a stream imitates; chosen by the first segment
/// of the path, for example `/groq/openai/v1/chat/completions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SimHost {
    /// No particular host: reasoning in `reasoning_content`, usage if requested.
    Plain,
    /// Hidden reasoning, obfuscation.
    OpenAi,
    /// `x_groq`, times in the usage.
    Groq,
    /// `time_info`, flat errors.
    Cerebras,
    /// `perf_metrics`.
    Fireworks,
    /// Usage by default, or on every chunk.
    DeepInfra,
    /// Comments while waiting, cost, the name of the serving provider.
    OpenRouter,
    /// Usage on the last chunk, a bare model list.
    Together,
}

const HOSTS: [(&str, SimHost); 7] = [
    ("openai", SimHost::OpenAi),
    ("groq", SimHost::Groq),
    ("cerebras", SimHost::Cerebras),
    ("fireworks", SimHost::Fireworks),
    ("deepinfra", SimHost::DeepInfra),
    ("openrouter", SimHost::OpenRouter),
    ("together", SimHost::Together),
];

impl SimHost {
    /// The path segment that chooses it; `sim` for no particular host.
    pub fn name(self) -> &'static str {
        HOSTS.iter().find(|(_, host)| *host == self).map_or("sim", |(name, _)| name)
    }

    fn of(path: &str) -> Self {
        let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        HOSTS.iter().find(|(name, _)| *name == first).map_or(SimHost::Plain, |(_, host)| *host)
    }
}

/// The target of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum SimRoute {
    Generate {
        dialect: Dialect,
        host: SimHost,
        /// The model, if the path names it.
        model: Option<String>,
    },
    /// The list of models.
    Models(SimHost),
    /// The endpoints of a router's model.
    Endpoints(String),
    Health,
    /// The truth about recent requests.
    Truth,
    /// The truth about one request.
    TruthOf(String),
    Unknown,
}

/// The tails of POST paths whose body names the model; the longer of two that fit comes first.
const TAILS: [(&str, Dialect); 4] = [
    ("/chat/completions", Dialect::Chat),
    ("/completions", Dialect::Completions),
    ("/responses", Dialect::Responses),
    ("/messages", Dialect::Messages),
];

/// Parses a method and a path without its query.
pub fn route(method: &str, path: &str) -> SimRoute {
    match method {
        "POST" => generate(path).unwrap_or(SimRoute::Unknown),
        "GET" => get(path),
        _ => SimRoute::Unknown,
    }
}

fn get(path: &str) -> SimRoute {
    match path {
        "/health" => SimRoute::Health,
        "/truth" => SimRoute::Truth,
        _ => match path.strip_prefix("/truth/") {
            Some(id) => SimRoute::TruthOf(id.to_owned()),
            None if path.ends_with("/models") => SimRoute::Models(SimHost::of(path)),
            None => endpoints(path).map_or(SimRoute::Unknown, |model| SimRoute::Endpoints(model.to_owned())),
        },
    }
}

/// The model of `…/models/AUTHOR/SLUG/endpoints` at a router.
fn endpoints(path: &str) -> Option<&str> {
    let (_, model) = path.strip_suffix("/endpoints")?.split_once("/models/")?;
    (SimHost::of(path) == SimHost::OpenRouter && model.split('/').count() == 2).then_some(model)
}

fn generate(path: &str) -> Option<SimRoute> {
    let host = SimHost::of(path);
    if let Some((_, dialect)) = TAILS.iter().find(|(tail, _)| path.ends_with(tail)) {
        return Some(SimRoute::Generate { dialect: *dialect, host, model: None });
    }
    let (before, last) = path.rsplit_once('/')?;
    let (dialect, model) = if last == "converse-stream" {
        (Dialect::Converse, before.rsplit_once("/model/")?.1)
    } else {
        let (model, verb) = last.rsplit_once(':')?;
        let dialect = match verb {
            "streamGenerateContent" => Dialect::Gemini,
            "streamRawPredict" => Dialect::Messages,
            _ => return None,
        };
        (dialect, before.ends_with("/models").then_some(model)?)
    };
    Some(SimRoute::Generate { dialect, host, model: Some(percent_decoded(model)) })
}

/// Decodes `%3A` and similar escapes; invalid escapes stay as they are.
fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = escape.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(decoded.unwrap_or(byte));
        rest = if decoded.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn generates(path: &str) -> (Dialect, SimHost, Option<String>) {
        match route("POST", path) {
            SimRoute::Generate { dialect, host, model } => (dialect, host, model),
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn every_base_url_can_point_here() {
        let plain = |path| generates(path).0;
        assert_eq!(plain("/v1/chat/completions"), Dialect::Chat);
        assert_eq!(plain("/v1/completions"), Dialect::Completions);
        assert_eq!(plain("/v1/responses"), Dialect::Responses);
        assert_eq!(plain("/v1/messages"), Dialect::Messages);
        let groq = generates("/groq/openai/v1/chat/completions");
        assert_eq!(groq, (Dialect::Chat, SimHost::Groq, None));
        assert_eq!(generates("/deepinfra/v1/openai/chat/completions").1, SimHost::DeepInfra);
    }

    #[test]
    fn some_paths_name_the_model() {
        let gemini =
            "/v1/projects/p/locations/global/publishers/google/models/steady-n5:streamGenerateContent";
        assert_eq!(generates(gemini), (Dialect::Gemini, SimHost::Plain, Some("steady-n5".into())));
        let claude = "/v1/projects/p/locations/l/publishers/anthropic/models/steady:streamRawPredict";
        assert_eq!(generates(claude), (Dialect::Messages, SimHost::Plain, Some("steady".into())));
        let bedrock = "/model/steady%3A0/converse-stream";
        assert_eq!(generates(bedrock), (Dialect::Converse, SimHost::Plain, Some("steady:0".into())));
    }

    #[test]
    fn the_truth_is_behind_get() {
        assert_eq!(route("GET", "/truth/sim-1"), SimRoute::TruthOf("sim-1".into()));
        assert_eq!(route("GET", "/together/v1/models"), SimRoute::Models(SimHost::Together));
        assert_eq!(route("POST", "/truth"), SimRoute::Unknown);
        assert_eq!(route("GET", "/v1/chat/completions"), SimRoute::Unknown);
    }

    proptest! {
        #[test]
        fn any_path_is_a_route(path in "[/a-z:%0-9é]{0,60}") {
            let _ = route("POST", &path);
            let _ = route("POST", &format!("/model/{path}/converse-stream"));
        }
    }
}
