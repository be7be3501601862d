//! What providers list against what is measured: reading lists over the network, and comparing what stores keep of them.
//! Nothing here enables a model: a listing proves nothing.

pub mod diff;
pub mod reading;
