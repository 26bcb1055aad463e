use promotion::{Error, Name};

/// What to change about a function in whose time a promotion wrote nothing: running it again would end in the same way.
pub(crate) fn advise(error: Error) -> Error {
    match (error.name(), error.overrun()) {
        (Name::TooLargeForLambda, Some(_)) => Error::new(
            Name::TooLargeForLambda,
            format!(
                "{error}: give the function more memory (its network grows with it) and its full 15 minutes, or make the layer smaller"
            ),
        ),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use promotion::Overrun;

    use super::*;

    #[test]
    fn a_function_that_is_too_small_for_a_blob_is_advised_and_no_other_failure_is() {
        let overrun = Overrun { written: 0, bytes_moved: 1, in_flight: None };
        let too_large = Error::new(Name::TooLargeForLambda, "the blob has 9 bytes").with_overrun(overrun.clone());
        let advised = advise(too_large);
        assert_eq!(advised.name(), Name::TooLargeForLambda);
        assert!(advised.to_string().starts_with("the blob has 9 bytes: give the function more memory"), "{advised}");
        for error in [
            Error::new(Name::OutOfTime, "run again").with_overrun(overrun),
            Error::new(Name::TooLargeForLambda, "reading all takes longer: verify fewer targets"),
        ] {
            assert_eq!(advise(error.clone()).to_string(), error.to_string());
        }
    }
}
