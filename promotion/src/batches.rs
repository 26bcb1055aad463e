//! Batches of what is asked for in one request.

use std::collections::HashMap;
use std::hash::Hash;

/// What shares a place, in batches of at most as many as one request to that place can serve.
pub(crate) fn batches<P: Clone + Eq + Hash, T>(
    items: impl IntoIterator<Item = (P, T)>,
    size: impl Fn(&P) -> usize,
) -> Vec<(P, Vec<T>)> {
    let mut batches: Vec<(P, Vec<T>)> = Vec::new();
    let mut open: HashMap<P, usize> = HashMap::new();
    for (place, item) in items {
        match open.get(&place).and_then(|at| batches.get_mut(*at)) {
            Some((_, batch)) if batch.len() < size(&place) => batch.push(item),
            _ => {
                open.insert(place.clone(), batches.len());
                batches.push((place, vec![item]));
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_place_each_and_no_larger_than_it_takes() {
        let items = [("a", 1), ("b", 2), ("a", 3), ("a", 4), ("b", 5), ("a", 6)];
        let expected = [("a", vec![1, 3, 4]), ("b", vec![2]), ("b", vec![5]), ("a", vec![6])];
        assert_eq!(batches(items, |place| if *place == "a" { 3 } else { 1 }), expected);
    }
}
