//! `llmbench run` as people and scripts use it: what is measured, how much, what comes out, with which exit status.

mod dialects;
mod history;
mod load;
mod output;
mod pairs;
mod question;
mod selection;
