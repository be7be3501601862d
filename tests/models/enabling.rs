//! Enabling calls a model first, as adding does: what failed its admission is not measured because somebody says so.

use super::{Office, Said};
use crate::stores::backend::Backend;

#[tokio::test]
async fn a_model_that_does_not_answer_stays_off_in_either_store() {
    for backend in [Backend::sqlite(), Backend::mongo().await] {
        let office = Office::new(backend);
        tokio::task::spawn_blocking(move || tell(&office)).await.unwrap();
    }
}

fn tell(office: &Office) {
    let added = office.say(&["add", "sim:error401"]);
    assert_eq!(added.status, 1, "{added:?}");
    let refused = office.say(&["enable", "sim:error401"]);
    assert!(refused.status == 1 && refused.err.contains("did not answer: auth"), "{refused:?}");
    assert!(office.ids(&[]).is_empty());
    office.done(&["enable", "sim:error401", "--no-probe"]);
    assert_eq!(office.ids(&[]), ["sim:error401"]);
    // Once it has been measured in vain it is not one that never ran.
    assert_eq!(Said::of(office.any(&["run", "-m", "sim:error401"])).status, 1);
    let listed = office.done(&["list"]);
    assert!(listed.contains("never_succeeded") && !listed.contains("never_run"), "{listed}");
    let answering = "sim:steady-ttft5-gap1-n8";
    office.done(&["add", answering, "--no-probe"]);
    office.done(&["enable", answering]);
    assert_eq!(office.ids(&[]), ["sim:error401", answering]);
}
