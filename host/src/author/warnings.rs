//! What an author should know of a component before it is served, beyond what its bytes tell: it is tried as a server would.
//!
//! Not for whether the policy is right: that is what its checks tell.

use indicatif::HumanBytes;

use super::Rig;
use crate::{
    catalogue::{Release, source::PolicyFiles},
    decide::Check,
    reload::verify::plain_decision,
};

/// Bytes by which a decision's memory may grow without a word.
const MUCH_GROWTH: usize = 1 << 20;

/// What a server would refuse about these files' component, or what would make each of its decisions slow.
pub async fn warnings(rig: &Rig, files: &PolicyFiles) -> Vec<String> {
    if let Err(failure) = rig.judge(&files.component).await {
        return vec![format!("a server would refuse it at the stage {failure}")];
    }
    match rig.release(files).await {
        Ok(release) => growth(&release.patient(), files, rig.json_depth()).await.into_iter().collect(),
        // Something around the component is not as it has to be, perhaps not yet.
        Err(_) => Vec::new(),
    }
}

/// Tells if decisions ask for much more memory than their instances begin with: a plain one, and those of the checks.
async fn growth(release: &Release, files: &PolicyFiles, json_depth: usize) -> Option<String> {
    let plain = plain_decision(release).await.ok()?.trail.grown;
    let mut most = ("a plain decision".to_owned(), plain);
    for (file, text) in &files.checks {
        let Ok(check) = Check::parse(text) else { continue };
        let Ok(checked) = check.run(release, json_depth).await else { continue };
        if checked.decided.trail.grown > most.1 {
            most = (format!("the decision of checks/{file}"), checked.decided.trail.grown);
        }
    }
    let (what, grown) = most;
    (grown > MUCH_GROWTH).then(|| {
        let grown = HumanBytes(grown as u64);
        format!(
            "{what} grows its memory by {grown}, and each one anew: allocate less, or keep what is large in a table"
        )
    })
}
