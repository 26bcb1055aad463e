use crate::findings::Finding;
use crate::{Error, Plan, Survey, rules};

/// A survey without a problem: everything that is asked for could be read, and no rule is broken.
#[derive(Debug)]
pub struct Approved(Survey);

impl Approved {
    pub(crate) fn judge(survey: Survey) -> Result<Self, Error> {
        let findings = rules::judge(&survey);
        Self::weigh(survey, findings)
    }

    /// What could not be read and what is violated are reported together. Findings that are no violation become notes.
    fn weigh(mut survey: Survey, findings: Vec<Finding>) -> Result<Self, Error> {
        let (violations, passing): (Vec<_>, Vec<_>) = findings.into_iter().partition(Finding::is_violation);
        let mut problems = std::mem::take(&mut survey.problems);
        problems.extend(violations.iter().map(Error::from));
        survey.notes.extend(passing.iter().map(Finding::to_string));
        Error::all(problems).map_or(Ok(Self(survey)), Err)
    }

    /// What has to be done.
    #[must_use]
    pub fn plan(self) -> Plan {
        Plan::new(self)
    }

    pub(crate) fn into_survey(self) -> Survey {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;
    use crate::findings::{Kind, Level, Rule};
    use crate::{Name, ReferrerPolicy};

    fn finding(level: Level, waived_by: Option<&str>) -> Finding {
        Finding {
            rule: Rule::Platforms,
            kind: Kind::Policy,
            level,
            image: "app:1".into(),
            target: None,
            digest: Digest::of(b""),
            platform: Some("linux/arm64".parse().unwrap()),
            found: "none".into(),
            expected: "linux/arm64".into(),
            change: "build it".into(),
            waived_by: waived_by.map(str::to_owned),
        }
    }

    #[test]
    fn violations_fail_a_release_and_are_reported_with_what_could_not_be_read() {
        let mut survey = Survey::of([], ReferrerPolicy::Carry);
        survey.problems.push(Error::new(Name::RegistryUnavailable, "down"));
        let error = Approved::weigh(survey, vec![finding(Level::Error, None)]).unwrap_err();
        let expected = "2 problems:\n1. RegistryUnavailable: down\n2. PolicyViolation: app:1 has no image for linux/arm64, only for none: build it";
        assert_eq!((error.name(), error.to_string().as_str()), (Name::PolicyViolation, expected));
    }

    #[test]
    fn warnings_and_waived_findings_are_noted_and_pass() {
        let findings = vec![finding(Level::Warning, None), finding(Level::Error, Some("W-1"))];
        let plan = Approved::weigh(Survey::of([], ReferrerPolicy::Carry), findings).unwrap().plan();
        let sentence = "app:1 has no image for linux/arm64, only for none: build it";
        assert_eq!(plan.notes(), [sentence.to_owned(), format!("{sentence} (waived by W-1)")]);
    }
}
