//! How one text differs from another, line by line: Myers' algorithm (1986), with a limit.

/// The most differing lines to look for.
const MOST: usize = 500;
/// Lines around a difference.
const AROUND: usize = 2;

/// The lines that are only in `a` (`-`) or only in `b` (`+`), with a few lines around them (blank). `None`: there are
/// too many differences to list.
pub(super) fn lines<'t>(a: &[&'t str], b: &[&'t str]) -> Option<Vec<(char, &'t str)>> {
    let script = script(a, b)?;
    let near = |at: usize| {
        let from = at.saturating_sub(AROUND);
        script[from..(at + AROUND + 1).min(script.len())].iter().any(|(sign, _)| *sign != ' ')
    };
    let mut shown: Vec<(char, &str)> = Vec::new();
    let mut left_out = false;
    for (at, line) in script.iter().enumerate() {
        if near(at) {
            if left_out && !shown.is_empty() {
                shown.push(('@', ""));
            }
            left_out = false;
            shown.push(*line);
        } else {
            left_out = true;
        }
    }
    Some(shown)
}

/// Every line of both, with its sign.
fn script<'t>(a: &[&'t str], b: &[&'t str]) -> Option<Vec<(char, &'t str)>> {
    let head = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let tail = a[head..].iter().rev().zip(b[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (mid_a, mid_b) = (&a[head..a.len() - tail], &b[head..b.len() - tail]);
    let both = |lines: &[&'t str]| lines.iter().map(|line| (' ', *line)).collect::<Vec<_>>();
    let mut script = both(&a[..head]);
    script.extend(middle(mid_a, mid_b)?);
    script.extend(both(&a[a.len() - tail..]));
    Some(script)
}

fn middle<'t>(a: &[&'t str], b: &[&'t str]) -> Option<Vec<(char, &'t str)>> {
    let most = (a.len() + b.len()).min(MOST);
    let offset = most + 1;
    let mut furthest = vec![0usize; 2 * offset + 1];
    let mut rounds: Vec<Vec<usize>> = Vec::new();
    for d in 0..=most {
        rounds.push(furthest.clone());
        // Diagonals -d, -d + 2, …, d, shifted so that no index is negative.
        for k in (offset - d..=offset + d).step_by(2) {
            let down = k == offset - d || (k != offset + d && furthest[k - 1] < furthest[k + 1]);
            let mut x = if down { furthest[k + 1] } else { furthest[k - 1] + 1 };
            let mut y = (x + offset) - k;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[k] = x;
            if x >= a.len() && y >= b.len() {
                return Some(walk_back(a, b, &rounds, d, offset));
            }
        }
    }
    None
}

fn walk_back<'t>(
    a: &[&'t str],
    b: &[&'t str],
    rounds: &[Vec<usize>],
    last: usize,
    offset: usize,
) -> Vec<(char, &'t str)> {
    let (mut x, mut y) = (a.len(), b.len());
    let mut back = Vec::new();
    for d in (1..=last).rev() {
        let furthest = &rounds[d];
        let k = x + offset - y;
        let down = k == offset - d || (k != offset + d && furthest[k - 1] < furthest[k + 1]);
        let from = if down { k + 1 } else { k - 1 };
        let from_x = furthest[from];
        let from_y = from_x + offset - from;
        while x > from_x && y > from_y {
            (x, y) = (x - 1, y - 1);
            back.push((' ', a[x]));
        }
        if down {
            y -= 1;
            back.push(('+', b[y]));
        } else {
            x -= 1;
            back.push(('-', a[x]));
        }
    }
    while x > 0 {
        x -= 1;
        back.push((' ', a[x]));
    }
    back.reverse();
    back
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(a: &str, b: &str) -> String {
        let (a, b): (Vec<&str>, Vec<&str>) = (a.split(' ').collect(), b.split(' ').collect());
        lines(&a, &b).unwrap().iter().map(|(sign, line)| format!("{sign}{line}")).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn differences_are_shown_with_a_few_lines_around_them() {
        for (a, b, expected) in [
            ("1", "1", ""),
            ("1", "2", "-1|+2"),
            ("1 2 3", "1 3", " 1|-2| 3"),
            ("1 3", "1 2 3", " 1|+2| 3"),
            ("1 2 3 4 5 6 7 8 9", "1 2 3 4 x 6 7 8 9", " 3| 4|-5|+x| 6| 7"),
            ("a 1 2 3 4 5 6 b", "x 1 2 3 4 5 6 y", "-a|+x| 1| 2|@| 5| 6|-b|+y"),
        ] {
            assert_eq!(told(a, b), expected, "{a} / {b}");
        }
    }

    #[test]
    fn too_many_differences_are_not_shown() {
        let numbers = |from: usize| (from..from + 2000).map(|n| n.to_string()).collect::<Vec<_>>();
        let (a, b) = (numbers(0), numbers(5000));
        let (a, b): (Vec<&str>, Vec<&str>) =
            (a.iter().map(String::as_str).collect(), b.iter().map(String::as_str).collect());
        assert_eq!(lines(&a, &b), None);
        assert_eq!(lines(&a, &a), Some(vec![]));
    }

    proptest::proptest! {
        #[test]
        fn both_texts_can_be_read_back(a in "[abc]{0,12}", b in "[abc]{0,12}") {
            let (x, y): (Vec<&str>, Vec<&str>) = (a.split("").collect(), b.split("").collect());
            let script = script(&x, &y).unwrap();
            let side = |sign| script.iter().filter(|(s, _)| *s != sign).map(|(_, line)| *line).collect::<Vec<_>>();
            proptest::prop_assert_eq!(side('+'), x);
            proptest::prop_assert_eq!(side('-'), y);
        }
    }
}
