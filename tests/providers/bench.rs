//! One provider measured by the binary: a real model id goes in, a recorded request and the rows come out. In between
//! stands the simulator in that provider's dress.

use super::http::{self, Kept, Request};
use crate::support::Home;
use llmbench::simulator;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Output;

/// What every key of these tests is; it may be nowhere but in a request.
pub const KEY: &str = "canary-7f3a91c2";

/// The token that the stand-in for Google's token server gives.
pub const GOOGLE_TOKEN: &str = "ya29.canary-token";

/// A provider's model, and how a user points the provider to another address.
pub struct Case {
    pub provider: &'static str,
    pub model: &'static str,
    /// The variable that holds the base URL, and what stands behind the address in it.
    pub base: (&'static str, &'static str),
    /// The variable that holds the key, or what else says who is calling.
    pub login: Login,
    /// Where the request has to arrive.
    pub path: &'static str,
    pub request_mode: &'static str,
    pub token_source: &'static str,
}

/// Who is calling.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// A key in this variable.
    Key(&'static str),
    /// A service account's file.
    ServiceAccount,
    /// A fixed AWS key.
    Aws,
}

/// What a measurement left behind.
pub struct Measured {
    pub output: Output,
    /// Lines of `--ndjson`.
    pub rows: Vec<Value>,
    /// What arrived, token requests left out.
    pub requests: Vec<Request>,
}

impl Measured {
    /// The only row, a success.
    pub fn row(&self) -> &Value {
        assert_eq!(self.rows.len(), 1, "{}", self.stderr());
        assert_eq!(self.rows[0]["outcome"], "success", "{}", self.rows[0]);
        &self.rows[0]
    }

    /// The only request.
    pub fn request(&self) -> &Request {
        assert_eq!(self.requests.len(), 1);
        &self.requests[0]
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.output.stderr).into_owned()
    }
}

impl Case {
    /// Measures it once with `scenario` behind the model's name.
    pub fn measure(&self, scenario: &str) -> Measured {
        self.measure_with(scenario, &["--no-store"], &[])
    }

    /// The same with more flags and variables.
    pub fn measure_with(&self, scenario: &str, flags: &[&str], variables: &[(&str, &str)]) -> Measured {
        let simulator = simulator::start_in_process().unwrap();
        let (address, kept) = http::hand_on(simulator.addr, self.model, scenario, token_server);
        let home = Home::new();
        let name = format!("{}:{}", self.provider, self.model);
        let mut command = home.llmbench(&["run", "--ndjson", "--model", &name]);
        command.args(flags);
        command.envs(self.environment(&format!("http://{address}"), home.path()));
        command.envs(variables.iter().copied());
        measured(command.output().unwrap(), &kept)
    }

    /// Measures it once against a server that gives exactly this answer.
    pub fn measure_answer(&self, answer: &str) -> Measured {
        let answer = answer.to_owned();
        let (address, kept) =
            http::serve(move |request| token_server(request).unwrap_or_else(|| answer.clone()));
        let home = Home::new();
        let name = format!("{}:{}", self.provider, self.model);
        let mut command = home.llmbench(&["run", "--ndjson", "--no-store", "--model", &name]);
        command.envs(self.environment(&format!("http://{address}"), home.path()));
        measured(command.output().unwrap(), &kept)
    }

    /// The document of `--json` for one measurement.
    pub fn report(&self, scenario: &str) -> Value {
        let simulator = simulator::start_in_process().unwrap();
        let (address, _) = http::hand_on(simulator.addr, self.model, scenario, token_server);
        let home = Home::new();
        let name = format!("{}:{}", self.provider, self.model);
        let mut command = home.llmbench(&["run", "--json", "--no-store", "--model", &name]);
        command.envs(self.environment(&format!("http://{address}"), home.path()));
        serde_json::from_slice(&command.output().unwrap().stdout).unwrap()
    }

    /// The variables that point the provider to `address`.
    pub fn environment(&self, address: &str, home: &Path) -> Vec<(&'static str, String)> {
        let mut variables = vec![(self.base.0, format!("{address}{}", self.base.1))];
        match self.login {
            Login::Key(variable) => variables.push((variable, KEY.to_owned())),
            Login::Aws => variables.extend(aws_key()),
            Login::ServiceAccount => {
                let file = home.join("account.json");
                std::fs::write(&file, service_account(&format!("{address}/token"))).unwrap();
                variables.push(("GOOGLE_APPLICATION_CREDENTIALS", file.display().to_string()));
                variables.push(("GOOGLE_CLOUD_LOCATION", "europe-west4".to_owned()));
            }
        }
        variables
    }
}

/// What a finished command left behind. No key may be in what it printed.
pub fn measured(output: Output, kept: &Kept) -> Measured {
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    for secret in [KEY, GOOGLE_TOKEN] {
        assert!(!printed.contains(secret), "a key was printed: {printed}");
    }
    let rows = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let requests = kept.all().into_iter().filter(|request| request.path != "/token").collect();
    Measured { output, rows, requests }
}

/// A fixed AWS key, and a region.
pub fn aws_key() -> [(&'static str, String); 3] {
    [
        ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", KEY.to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
    ]
}

/// Stands in for Google's token server.
pub fn token_server(request: &Request) -> Option<String> {
    let token = json!({"access_token": GOOGLE_TOKEN, "expires_in": 3600, "token_type": "Bearer"});
    (request.path == "/token").then(|| http::json(&token))
}

fn service_account(token_uri: &str) -> String {
    let key = include_str!("../fixtures/throwaway-rsa.pem");
    json!({"type": "service_account", "project_id": "bench-project", "private_key": key,
        "client_email": "bench@example.com", "token_uri": token_uri})
    .to_string()
}
