//! Which shard this is, as whoever started the process says in its environment.
//!
//! Slurm job arrays, Kubernetes Indexed Jobs, GitLab CI and GNU parallel each number what they start.
//!
//! Invariant: nothing is guessed. What is set by half, or by two of them, is refused by name. Not
//! here: reading the environment (`bin/lockstep.rs`).

use super::seeds::Shard;

/// What a number is counted from.
enum From {
    /// From this number on.
    Number(u64),
    /// From the number in this variable on, by steps of that in the other one, 1 if it is not set.
    Variables { first: &'static str, step: &'static str },
}

/// Somebody who starts processes and numbers them.
struct Starter {
    name: &'static str,
    index: &'static str,
    from: From,
    /// How many there are; nothing if that is not told.
    count: Option<&'static str>,
}

const STARTERS: [Starter; 4] = [
    Starter {
        name: "a Slurm array",
        index: "SLURM_ARRAY_TASK_ID",
        from: From::Variables { first: "SLURM_ARRAY_TASK_MIN", step: "SLURM_ARRAY_TASK_STEP" },
        count: Some("SLURM_ARRAY_TASK_COUNT"),
    },
    // Kubernetes itself tells no count: docs/swarm/kubernetes.yaml does.
    Starter {
        name: "a Kubernetes Indexed Job",
        index: "JOB_COMPLETION_INDEX",
        from: From::Number(0),
        count: Some("JOB_COMPLETIONS"),
    },
    Starter {
        name: "CI",
        index: "CI_NODE_INDEX",
        from: From::Number(1),
        count: Some("CI_NODE_TOTAL"),
    },
    Starter { name: "GNU parallel", index: "PARALLEL_SEQ", from: From::Number(1), count: None },
];

/// The shard that the environment names, and who says so; `of` is how many there are, if that was
/// said outright. `get` reads a variable.
///
/// # Errors
/// It names none, half of one, or two.
pub fn shard(
    of: Option<u64>,
    get: &dyn Fn(&str) -> Option<String>,
) -> Result<(Shard, String), String> {
    let mut found = Vec::new();
    for starter in &STARTERS {
        if let Some(shard) = starter.shard(of, get)? {
            found.push((shard, format!("{} ({})", starter.name, starter.index)));
        }
    }
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [(_, one), (_, other), ..] => {
            Err(format!("{one} and {other} both number this process: say --shard I/N"))
        }
        [] => {
            let names: Vec<&str> = STARTERS.iter().map(|starter| starter.index).collect();
            let names = names.join(", ");
            Err(format!("--shard env: none of {names} is set: say --shard I/N"))
        }
    }
}

impl Starter {
    fn shard(
        &self,
        of: Option<u64>,
        get: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Shard>, String> {
        let number = |name: &'static str| match get(name).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(format!("{name} is \"{text}\", which is no number")),
            },
        };
        let told = self.count.map_or(Ok(None), number)?;
        let index = self.index;
        let Some(id) = number(index)? else {
            let half = self.count.filter(|_| told.is_some_and(|told| told != 1));
            return match half {
                Some(count) => Err(format!("{count} is set, but {index} is not")),
                // GitLab says so of every job that is not one of several.
                None => Ok(None),
            };
        };
        let count = match (told, of) {
            (Some(told), Some(of)) if told != of => {
                let count = self.count.unwrap_or_default();
                return Err(format!("{count} is {told}, but --shard says env/{of}"));
            }
            (Some(count), _) | (None, Some(count)) => count,
            (None, None) => {
                let unset = self.count.map(|count| format!(", but {count} is not"));
                let unset = unset.unwrap_or_default();
                return Err(format!(
                    "{index} is set{unset}: say how many there are, --shard env/N"
                ));
            }
        };
        let (first, step) = match self.from {
            From::Number(first) => (first, 1),
            From::Variables { first, step } => {
                let Some(first) = number(first)? else {
                    return Err(format!("{index} is set, but {first} is not"));
                };
                (first, number(step)?.unwrap_or(1).max(1))
            }
        };
        let place = id.checked_sub(first).filter(|place| place.is_multiple_of(step));
        let shard = place.and_then(|place| Shard::new(place / step + 1, count).ok());
        match shard {
            Some(shard) => Ok(Some(shard)),
            None => Err(format!(
                "{index} is {id}, which is none of {count} from {first} on by steps of {step}"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `--shard env` or `env/OF` makes of `NAME=VALUE …`.
    fn said(of: Option<u64>, words: &str) -> String {
        let get = |name: &str| {
            let mut words = words.split_whitespace().filter_map(|word| word.split_once('='));
            words.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        match shard(of, &get) {
            Ok((shard, who)) => format!("{shard} {who}"),
            Err(why) => why,
        }
    }

    #[test]
    fn each_of_them_is_understood() {
        let slurm = "SLURM_ARRAY_TASK_COUNT=8 SLURM_ARRAY_TASK_MIN=1";
        for (of, words, expected) in [
            (None, &*format!("{slurm} SLURM_ARRAY_TASK_ID=3"), "3/8 a Slurm array"),
            (
                None,
                "SLURM_ARRAY_TASK_COUNT=4 SLURM_ARRAY_TASK_MIN=10 SLURM_ARRAY_TASK_ID=16 \
                 SLURM_ARRAY_TASK_STEP=2",
                "4/4 a Slurm array",
            ),
            (None, "JOB_COMPLETION_INDEX=0 JOB_COMPLETIONS=8", "1/8 a Kubernetes"),
            (Some(8), "JOB_COMPLETION_INDEX=7", "8/8 a Kubernetes"),
            (None, "CI_NODE_INDEX=2 CI_NODE_TOTAL=2", "2/2 CI (CI_NODE_INDEX)"),
            (Some(2), "CI_NODE_INDEX=2 CI_NODE_TOTAL=2", "2/2 CI"),
            (Some(3), "PARALLEL_SEQ=3", "3/3 GNU parallel"),
            (Some(3), "PARALLEL_SEQ=3 CI_NODE_TOTAL=1", "3/3 GNU parallel"),
        ] {
            let said = said(of, words);
            assert!(said.starts_with(expected), "{words}: {said}");
        }
    }

    #[test]
    fn what_is_set_by_half_or_twice_is_refused_by_name() {
        for (of, words, expected) in [
            (None, "", "none of SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX, CI_NODE_INDEX, "),
            (None, "PARALLEL_SEQ=", "none of "),
            (None, "PARALLEL_SEQ=3", "PARALLEL_SEQ is set: say how many there are, --shard env/N"),
            (None, "JOB_COMPLETION_INDEX=0", "JOB_COMPLETION_INDEX is set, but JOB_COMPLETIONS is"),
            (None, "CI_NODE_TOTAL=4", "CI_NODE_TOTAL is set, but CI_NODE_INDEX is not"),
            (
                Some(3),
                "CI_NODE_INDEX=1 CI_NODE_TOTAL=4",
                "CI_NODE_TOTAL is 4, but --shard says env/3",
            ),
            (
                None,
                "SLURM_ARRAY_TASK_ID=1 SLURM_ARRAY_TASK_COUNT=4",
                "SLURM_ARRAY_TASK_ID is set, but SLURM_ARRAY_TASK_MIN is not",
            ),
            (
                None,
                "SLURM_ARRAY_TASK_ID=9 SLURM_ARRAY_TASK_COUNT=3 SLURM_ARRAY_TASK_MIN=1",
                "SLURM_ARRAY_TASK_ID is 9, which is none of 3 from 1 on",
            ),
            (Some(4), "CI_NODE_INDEX=0", "CI_NODE_INDEX is 0, which is none of 4 from 1 on"),
            (Some(4), "PARALLEL_SEQ=x", "PARALLEL_SEQ is \"x\", which is no number"),
            (Some(4), "PARALLEL_SEQ=1 JOB_COMPLETION_INDEX=1", "both number this process: say --s"),
        ] {
            let said = said(of, words);
            assert!(said.contains(expected), "{words}: {said}");
        }
    }
}
