//! How often an attack is tried. The battery says numbers that take minutes; what a test does in a second is some part of
//! them. `WASMOTE_ATTACK_TIMES` multiplies that part. The whole numbers are reached by these:
//!
//! | attack | test | times |
//! |---|---|---|
//! | M-01 | `no_prefix_of_a_program_panics`: every length | 2,000 |
//! | M-01 | `no_prefix_of_a_component_of_the_corpus_panics`: every length | 200 |
//! | M-02 | `no_mutation_panics_whether_it_is_refused_or_runs` | 50 |
//! | M-02 | `prefixes_and_mutations_of_components_are_refused_or_load_and_never_panic` | 200 |
//! | R-05 | `a_million_tail_calls_take_no_stack` and the other | 100 |
//! | H-07 | `churning_handles_reuses_one_index` | 200 |
//! | H-10 | `handles_of_all_instances_count_together`: as many instances as a component may have | 1,364 |

/// So many, or as many times that as was asked for.
pub fn times(count: u64) -> u64 {
    std::env::var("WASMOTE_ATTACK_TIMES")
        .map_or(count, |times| count * times.parse::<u64>().expect("a number"))
}
