//! The attack battery, whole: each attack has a test, or says why it has none. The suites named here say in their
//! own words what a guest, a peer or a file tries, and how that ends.

#![cfg(feature = "p1")]

use std::{
    collections::BTreeMap,
    fs,
    future::Future,
    path::Path,
    pin::pin,
    task::{Context, Poll, Waker},
};
use wasmote::{Exit, Guest, Host, Limits, Loader, Program, backend::mem, block_on, engine::Value};

/// How many attacks each group has.
const GROUPS: [(&str, u32); 13] = [
    ("M", 10), // malformed bytes
    ("B", 17), // bombs
    ("R", 9),  // the engine
    ("C", 13), // the canonical ABI
    ("H", 10), // handles
    ("P", 17), // paths and descriptors
    ("X", 11), // exhaustion
    ("N", 15), // HTTP and the network
    ("T", 7),  // polls, clocks, random numbers
    ("A", 12), // async
    ("S", 10), // traces and snapshots
    ("Y", 8),  // between guests
    ("E", 4),  // re-entry
];

/// What is shown for an attack: tests, as `file: function`, or why there is none.
enum Shown {
    By(&'static [&'static str]),
    Not(&'static str),
}
use Shown::{By, Not};

/// There is nothing that records a run and none that plays one back, so there is no file that could lie about it. What is
/// written and read back is a bundle; the attacks on snapshots are tried on it.
const NO_TRACES: &str =
    "no run is recorded or played back: what `--trace` writes is for people, and nothing reads it";

/// The attacks, first to last of those that are shown alike.
const ATTACKS: &[(&str, Shown)] = &[
    (
        "M-01",
        By(&[
            "attacks_load: no_prefix_of_a_program_panics",
            "component_wast: no_prefix_of_a_component_of_the_corpus_panics",
            PREFIXES,
        ]),
    ),
    ("M-02", By(&["attacks_load: no_mutation_panics_whether_it_is_refused_or_runs", PREFIXES])),
    ("M-03", By(&["attacks_load: overlong_and_oversized_numbers_are_refused_in_every_field"])),
    ("M-04", By(&["attacks_load: sections_that_lie_about_their_size_are_refused"])),
    ("M-05", By(&["attacks_load: sections_out_of_order_repeated_or_unknown_are_refused"])),
    ("M-06", By(&["attacks_load: names_are_text_and_long_ones_are_fine"])),
    ("M-07", By(&["attacks_load: headers_are_told_apart"])),
    ("M-08", By(&["attacks_component: components_wired_wrongly_are_refused"])),
    ("M-09", By(&["attacks_component: contradictory_canonical_options_are_refused"])),
    ("M-10", By(&["attacks_load: custom_sections_may_hold_anything"])),
    ("B-01", By(&[BOMBS, "load_memory: loading_takes_no_more_than_was_foretold"])),
    ("B-02", By(&[BOMBS])),
    ("B-03", By(&[BOMBS])),
    ("B-04", By(&[BOMBS])),
    ("B-05", By(&[BOMBS])),
    ("B-06", By(&[TYPES])),
    ("B-07", By(&[TYPES])),
    ("B-08", By(&["attacks_component: long_chains_of_aliases_are_refused_or_dropped_on_a_small_stack"])),
    ("B-09", By(&["component_api: deep_nesting_is_refused_before_it_costs_anything"])),
    ("B-10", By(&["attacks_component: an_instantiation_bomb_meets_the_limit_of_instances"])),
    ("B-11", By(&[DECLARED])),
    ("B-12", By(&[DECLARED])),
    ("B-13", By(&["attacks_load: zeroing_locals_costs_fuel_by_the_local"])),
    ("B-14", By(&["attacks_load: a_large_function_is_paid_for_before_it_is_translated"])),
    ("B-15", By(&[TYPES])),
    ("B-16", By(&[TYPES])),
    ("B-17", By(&[BOMBS, "p2_guest: missing_imports_are_told_all_at_once_and_at_the_start"])),
    ("R-01", By(&[GROWTH, "native_stack: metered_guests_fit_a_small_stack"])),
    ("R-02", By(&[GROWTH, "native_stack: metered_guests_fit_a_small_stack"])),
    ("R-03", By(&[GROWTH, "native_stack: unmetered_guests_fit_a_small_stack"])),
    ("R-04", By(&["attacks_run: endless_recursion_traps_on_a_small_native_stack"])),
    (
        "R-05",
        By(&[
            "attacks_run: a_million_tail_calls_take_no_stack",
            "attacks_run: a_million_tail_calls_of_the_host_take_no_stack",
        ]),
    ),
    ("R-06", By(&["attacks_run: every_budget_ends_every_export_cleanly"])),
    ("R-07", By(&["attacks_run: bulk_operations_go_on_after_a_slice_and_end_with_the_budget"])),
    ("R-08", By(&["attacks_run: calls_of_many_values_arrive_whole"])),
    ("R-09", By(&["native_stack: metered_guests_fit_a_small_stack"])),
    ("C-01", By(&[VALUES])),
    ("C-02", By(&[VALUES])),
    ("C-03", By(&[VALUES])),
    ("C-04", By(&[VALUES])),
    ("C-05", By(&["attacks_component: what_realloc_answers_is_checked"])),
    ("C-06", By(&[REALLOC])),
    ("C-07", By(&[REALLOC])),
    ("C-08", By(&[VALUES])),
    ("C-09", By(&["attacks_component/values: the_bits_of_a_nan_arrive_as_they_left"])),
    ("C-10", By(&["component_wast: own_scripts_pass", VALUES])),
    ("C-11", By(&["attacks_component: lists_that_alias_one_region_meet_the_limit_of_a_host_call"])),
    ("C-12", By(&["attacks_component/values: values_are_read_from_the_memory_that_is_named"])),
    ("C-13", By(&["attacks_component: spilled_arguments_and_results_are_checked"])),
    ("H-01", By(&[FORGED])),
    ("H-02", By(&[FORGED])),
    ("H-03", By(&[FORGED])),
    ("H-04", By(&["attacks_component: borrowed_handles_neither_move_nor_stay"])),
    ("H-05", By(&["attacks_component: borrowed_handles_neither_move_nor_stay"])),
    ("H-06", By(&["attacks_component: a_resource_of_another_instance_is_refused"])),
    ("H-07", By(&["attacks_component: churning_handles_reuses_one_index"])),
    ("H-08", By(&["attacks_component: a_destructor_may_trap_or_wait_and_ends_only_its_store"])),
    ("H-09", By(&["component_api: a_resource_with_children_stays"])),
    ("H-10", By(&["attacks_component: handles_of_all_instances_count_together"])),
    ("P-01", By(&[LEAVING, WALKS, COMPONENTS[0], COMPONENTS[1]])),
    (
        "P-02",
        By(&[
            LEAVING,
            "wasi_filesystem: absolute_link_targets_are_refused_and_escaping_ones_when_walked",
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    (
        "P-03",
        By(&[
            WALKS,
            "wasi_path: forty_links_are_followed_and_one_more_is_not",
            COMPONENTS[0],
            COMPONENTS[1],
            "attacks_paths: absolute_links_of_others_lead_nowhere",
        ]),
    ),
    ("P-04", By(&["wasi_filesystem: trailing_slashes_lead_nowhere_else", COMPONENTS[0], COMPONENTS[1]])),
    (
        "P-05",
        By(&[
            "wasi_filesystem: swapping_a_directory_for_a_link_under_a_walk_leads_nowhere",
            "attacks_paths: swapping_a_directory_for_a_link_beside_a_component_leads_nowhere",
        ]),
    ),
    (
        "P-06",
        By(&[
            "wasi_filesystem: a_read_only_grant_refuses_every_change_before_it_looks",
            OPENING,
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    ("P-07", By(&["wasi_filesystem: links_and_renames_need_both_grants", COMPONENTS[0], COMPONENTS[1]])),
    (
        "P-08",
        By(&[
            "wasi_path: what_is_no_path_is_refused_before_anything_is_opened",
            "p1_calls/paths: paths_are_bytes_compared_as_they_are",
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    // No platform with such names is supported: on those that are, they are names like others.
    ("P-09", By(&COMPONENTS)),
    (
        "P-10",
        By(&[
            "backend_std: pipes_and_sockets_are_seen_and_not_opened",
            "backend_std: links_of_the_proc_file_system_are_not_followed",
            "attacks_paths: what_is_no_file_is_seen_and_not_waited_for",
        ]),
    ),
    (
        "P-11",
        By(&[
            "p1_calls/descriptors: renumbering_moves_everything_and_closes_what_was_there",
            "p1_calls/descriptors: preopens_and_streams_are_descriptors_like_others",
            COMPONENTS[0],
            COMPONENTS[1],
            "attacks_paths: what_was_closed_is_nothing_any_more",
        ]),
    ),
    (
        "P-12",
        By(&[
            "p1_calls/listing: every_cookie_goes_on_behind_its_entry",
            COMPONENTS[0],
            COMPONENTS[1],
            "p3_calls: a_large_directory_is_listed_piece_by_piece_and_whole",
        ]),
    ),
    (
        "P-13",
        By(&[
            "p1_calls/pointers: a_list_of_buffers_is_checked_whole_before_a_byte_is_moved",
            "p2_guest: a_buffer_is_checked_whole_before_a_byte_is_moved",
            "p3_calls: a_buffer_is_checked_whole_before_a_byte_is_moved",
        ]),
    ),
    (
        "P-14",
        By(&[
            "p1_calls/descriptors: positions_stay_inside_63_bits",
            "backend_filesystem: a_size_past_every_bound_is_refused",
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    (
        "P-15",
        By(&[
            "p1_calls/descriptors: no_time_panics",
            "backend_filesystem: times_out_of_range_are_refused_and_never_panic",
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    (
        "P-16",
        By(&[
            "p1_calls/descriptors: rights_are_given_up_for_good",
            "wasi_filesystem: what_was_opened_keeps_the_grant",
            COMPONENTS[0],
            COMPONENTS[1],
        ]),
    ),
    ("P-17", By(&["p1_calls/paths: a_grant_cannot_be_removed_from_within", COMPONENTS[0], COMPONENTS[1]])),
    ("X-01", By(&["attacks_run: calls_work_when_memory_is_at_its_limit", HANDLER_ENDS])),
    (
        "X-02",
        By(&["attacks_run: endless_loops_end_with_the_budget_wherever_they_are", REALLOC, HANDLER_ENDS]),
    ),
    ("X-03", By(&["attacks_run: a_million_clock_readings_are_paid_for"])),
    (
        "X-04",
        By(&[
            "p1_calls/descriptors: a_full_table_refuses_before_anything_is_created",
            "descriptors: guests_that_open_all_they_can_leave_half_of_the_descriptors_to_their_host",
            "sockets: sockets_are_counted",
            "p2_guest: handles_are_bounded",
        ]),
    ),
    (
        "X-05",
        By(&[
            "backend_mem_filesystem: a_disk_fills_and_empties",
            "backend_mem_filesystem: tiny_files_fill_the_inodes_and_no_more",
            "backend_mem_filesystem: a_deep_tree_takes_no_stack",
        ]),
    ),
    (
        "X-06",
        By(&[
            FLOODS,
            "backend_mem: a_flood_fills_an_output_and_no_more",
            "p3_calls: a_full_output_holds_its_writer_back_and_loses_nothing",
        ]),
    ),
    ("X-07", By(&["backend_std: a_terminal_is_one_and_is_filtered_when_asked"])),
    (
        "X-08",
        By(&[
            "attacks_http: x_08_writes_of_nothing_keep_nothing_and_cost_fuel",
            "backend_mem: empty_writes_keep_nothing",
        ]),
    ),
    ("X-09", By(&[FLOODS, "backend_mem: a_pipe_holds_back_what_it_may_and_wakes_both_ends"])),
    // There is none to fill; should one come, this fails.
    ("X-10", By(&["attacks: x_10_there_is_no_store_to_fill"])),
    // What a guest sizes. Stable Rust ends the process when there is nothing left for what is small: it must not come to
    // that, so all of it is counted before it is allocated, and `load_memory` compares the count with the allocator's.
    (
        "X-11",
        By(&[
            "load_memory: memory_that_the_host_does_not_have_is_an_answer",
            "load_memory: loading_takes_no_more_than_was_foretold",
        ]),
    ),
    ("N-01", By(&["attacks_http: n_01_thirty_thousand_fields_are_too_many"])),
    (
        "N-02",
        By(&[
            "attacks_http: n_02_no_name_and_no_value_ends_its_line",
            "attacks_http: n_02_what_belongs_to_the_connection_is_not_a_guests_to_say",
        ]),
    ),
    (
        "N-03",
        By(&["attacks_http: n_03_two_lengths_are_none", "attacks_wire: n_03_no_request_hides_in_another"]),
    ),
    (
        "N-04",
        By(&[
            "attacks_wire: n_04_chunks_that_lie_break_the_request_off",
            "backend_http: answers_that_are_none_are_errors",
        ]),
    ),
    (
        "N-05",
        By(&[
            "attacks_http: n_05_a_peer_that_takes_its_time_is_not_waited_for",
            "attacks_wire: n_05_a_client_that_takes_its_time_is_not_waited_for",
            "backend_http: waiting_has_an_end",
        ]),
    ),
    (
        "N-06",
        By(&[
            "attacks_http: n_06_endless_contents_are_passed_on_and_not_kept",
            "attacks_http: n_06_a_guest_that_never_ends_stops_with_its_reader",
            "attacks_wire: n_06_and_n_08_targets_and_heads_have_bounds",
            "backend_http: a_peer_that_reads_nothing_holds_the_writer_back",
        ]),
    ),
    ("N-07", By(&["attacks_http: n_07_contents_are_as_long_as_they_are_said_to_be"])),
    (
        "N-08",
        By(&[
            "attacks_http: n_08_whoever_is_connected_to_is_who_was_allowed",
            "attacks_http: n_08_targets_are_texts_of_their_kind_and_no_longer_than_allowed",
            "backend_http: redirects_are_answers",
        ]),
    ),
    (
        "N-09",
        By(&[
            "attacks_http: n_09_a_guest_that_may_ask_everybody_may_not_ask_this_machine",
            "backend_http: a_name_that_leads_inside_is_refused_when_it_is_looked_up",
            "sockets: a_name_cannot_be_rebound_to_the_inside",
        ]),
    ),
    ("N-10", By(&["attacks_http: n_10_trailers_say_no_more_than_headers_may"])),
    ("N-11", By(&["attacks_http: n_11_no_status_and_no_timeout_is_impossible"])),
    (
        "N-12",
        By(&[
            "sockets: who_may_only_send_hears_only_whom_it_may_send_to",
            "sockets: nothing_is_reached_without_a_grant",
        ]),
    ),
    (
        "N-13",
        By(&[
            "attacks_http: n_13_what_is_not_read_is_given_back",
            "backend_http: dropping_a_request_closes_its_connection",
        ]),
    ),
    ("N-14", By(&["attacks_http: n_14_a_guest_that_says_nothing_or_fails_has_not_answered", FORGED])),
    ("N-15", By(&["attacks_wire: n_15_after_a_failure_the_rest_of_a_request_is_no_request"])),
    (
        "T-01",
        By(&[
            "attacks_run: polls_of_any_number_are_typed_and_paid_for",
            "p2_calls: polling_nothing_and_polling_too_much_end_the_guest",
        ]),
    ),
    (
        "T-02",
        By(&[
            "p1_calls/waiting: the_end_of_time_is_not_past",
            "p3_calls: a_time_that_has_come_is_not_waited_for",
        ]),
    ),
    (
        "T-03",
        By(&[
            "attacks_run: polls_of_any_number_are_typed_and_paid_for",
            "p3_calls: a_wait_ends_although_another_task_never_rests",
        ]),
    ),
    (
        "T-04",
        By(&[
            "attacks_run: a_sleep_without_end_can_be_dropped",
            "p3_calls: a_wait_that_was_cancelled_moves_no_clock",
        ]),
    ),
    // Nothing is restored; but what one guest was told, the next is not told anew.
    ("T-05", By(&["attacks: t_05_no_guest_is_told_an_earlier_time_than_one_before"])),
    (
        "T-06",
        By(&["attacks_run: random_bytes_are_bounded_and_paid_for", "p2_calls: random_bytes_are_all_or_none"]),
    ),
    ("T-07", By(&["attacks: t_07_no_two_guests_draw_the_same_numbers"])),
    ("A-01", By(&["attacks_component/tasks: every_operation_on_every_end_in_every_state_answers"])),
    ("A-02", By(&["attacks_component: a_call_may_be_dropped_at_every_poll"])),
    (
        "A-03",
        By(&["attacks_component/tasks: a_call_that_is_given_up_while_realloc_runs_is_whole_or_not_there"]),
    ),
    ("A-04", By(&["attacks_component: after_a_trap_with_calls_under_way_nothing_runs"])),
    ("A-05", By(&["attacks_component/tasks: a_task_returns_exactly_once_and_what_its_type_says"])),
    ("A-06", By(&["attacks_component/tasks: waiting_for_nothing_is_a_deadlock"])),
    ("A-07", By(&["attacks_component/tasks: what_must_not_wait_is_ended"])),
    (
        "A-08",
        By(&["attacks_component/tasks: floods_of_subtasks_and_error_contexts_meet_the_limit_of_handles"]),
    ),
    ("A-09", By(&["attacks_component/tasks: counters_and_copies_within_one_component_are_checked"])),
    ("A-10", By(&["attacks_component/tasks: counters_and_copies_within_one_component_are_checked"])),
    (
        "A-11",
        By(&["attacks_component/tasks: floods_of_subtasks_and_error_contexts_meet_the_limit_of_handles"]),
    ),
    ("A-12", By(&["attacks_component/tasks: waiting_for_nothing_is_a_deadlock"])),
    ("S-01", By(&["bundle: every_flipped_bit_is_refused"])),
    (
        "S-02",
        By(&[
            "bundle: whatever_is_cut_or_added_is_refused",
            "bundle: lengths_that_lie_are_refused_though_they_are_signed",
        ]),
    ),
    ("S-03", Not(NO_TRACES)),
    (
        "S-04",
        By(&[
            "bundle: a_device_with_narrower_limits_refuses",
            "bundle: a_description_cut_short_is_refused_though_it_is_signed",
        ]),
    ),
    ("S-05", By(&["bundle: parts_of_two_bundles_are_no_bundle", "bundle: one_is_not_taken_for_the_other"])),
    ("S-06", By(&["bundle: a_signature_grants_nothing"])),
    ("S-07", By(&["bundle: another_version_or_configuration_is_refused_though_it_is_signed"])),
    ("S-08", Not(NO_TRACES)),
    ("S-09", By(&["program_run: a_trace_names_variables_and_keeps_their_values"])),
    ("S-10", By(&["load_memory: ten_thousand_loaded_bundles_leave_nothing"])),
    ("Y-01", By(&["attacks: y_01_a_guest_finds_nothing_of_another"])),
    (
        "Y-02",
        By(&[
            "attacks_http: y_03_and_y_06_one_that_fails_is_noticed_by_nobody",
            "p1_calls/pointers: padding_of_records_is_zero",
        ]),
    ),
    ("Y-03", By(&["attacks: y_03_a_guest_sees_what_was_granted_to_it_alone"])),
    ("Y-04", By(&[LEAVING, "wasi_path: what_is_no_path_is_refused_before_anything_is_opened"])),
    // How long that takes by the clock, benches/serve.sh measures.
    ("Y-05", By(&["attacks: y_05_a_neighbour_gets_one_slice_between_two_turns"])),
    (
        "Y-06",
        By(&[
            "attacks_http: y_03_and_y_06_one_that_fails_is_noticed_by_nobody",
            "program_serve: one_that_loops_holds_no_other_up",
        ]),
    ),
    ("Y-07", By(&["backend_mem: a_manual_clock_moves_only_when_told_and_wakes_who_waits"])),
    (
        "Y-08",
        By(&[
            "sockets: what_is_denied_says_so_without_secrets",
            "program_serve: a_request_that_fails_has_an_id_and_the_log_says_why",
        ]),
    ),
    (
        "E-01",
        By(&[
            "attacks_component: calls_through_many_components_are_counted_wherever_slices_end",
            "component_api/within: guests_that_host_functions_call_are_bounded",
        ]),
    ),
    ("E-02", By(&["attacks_component/values: what_a_host_was_given_does_not_change_under_it"])),
    ("E-03", By(&["attacks_component: a_child_cannot_call_its_parent_back"])),
    ("E-04", By(&["attacks_component: a_destructor_may_trap_or_wait_and_ends_only_its_store"])),
];

const PREFIXES: &str =
    "component_api: prefixes_and_mutations_of_components_are_refused_or_load_and_never_panic";
const BOMBS: &str = "attacks_load: bombs_are_refused_by_name_or_fit_the_estimate";
const TYPES: &str = "attacks_component: types_of_exponential_size_or_depth_are_refused";
const DECLARED: &str = "attacks_load: declarations_larger_than_the_limits_are_refused_before_they_are_made";
const GROWTH: &str = "attacks_run: every_hostile_guest_ends_typed_and_the_host_goes_on";
const VALUES: &str = "attacks_component: hostile_values_are_refused_by_host_and_guest_alike";
const REALLOC: &str = "attacks_component: realloc_and_post_return_may_not_leave_and_are_metered";
const FORGED: &str = "attacks_component: forged_stale_and_foreign_handles_are_refused";
const LEAVING: &str = "wasi_filesystem: whatever_leaves_the_grant_is_not_permitted";
const WALKS: &str = "wasi_path: a_walk_ends_where_the_model_does";
/// Components of WASI 0.2 and 0.3, over memory and over the platform.
const COMPONENTS: [&str; 2] = [
    "attacks_paths: components_leave_no_grant_over_memory",
    "attacks_paths: components_leave_no_grant_over_the_platform",
];
const OPENING: &str = "wasi_filesystem: every_combination_of_open_flags";
const FLOODS: &str = "attacks_run: floods_of_output_keep_nothing_and_are_paid_for";
const HANDLER_ENDS: &str = "attacks_http: x_01_and_x_02_fuel_and_memory_end_a_handler";

#[test]
fn every_attack_has_a_test_or_a_reason() {
    let expected =
        GROUPS.iter().flat_map(|(group, count)| (1..=*count).map(move |at| format!("{group}-{at:02}")));
    let listed: Vec<String> = ATTACKS.iter().map(|(attack, _)| (*attack).to_owned()).collect();
    assert_eq!(listed, expected.collect::<Vec<_>>());

    let mut sources = BTreeMap::new();
    let mut missing = Vec::new();
    for (attack, shown) in ATTACKS {
        match shown {
            Not(reason) => assert!(reason.contains(' '), "{attack} has no reason"),
            By(tests) => {
                assert!(!tests.is_empty(), "{attack} has neither tests nor a reason");
                for test in *tests {
                    let (suite, function) = test.split_once(": ").unwrap();
                    let source = sources.entry(suite).or_insert_with(|| source(suite));
                    if !is_test(source, function) {
                        missing.push(format!("{attack}: {test}"));
                    }
                }
            }
        }
    }
    assert!(missing.is_empty(), "there are no such tests: {missing:#?}");
}

/// The text of a suite: a file of this folder, or a file in a suite's.
fn source(suite: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    fs::read_to_string(folder.join(suite).with_extension("rs"))
        .unwrap_or_else(|error| panic!("{suite}: {error}"))
}

/// Whether `function` is a test there, also one that a macro instantiates or a property.
fn is_test(source: &str, function: &str) -> bool {
    let Some(at) = source.find(&format!("fn {function}(")) else { return false };
    let marked = source[..at].lines().rev().take(3).any(|line| line.trim() == "#[test]");
    // In a suite that runs over several backends a list names the tests.
    marked || source.matches(function).count() > 1
}

/// Memory, globals and a table that a guest fills, or looks for what is in them.
const CANARY: &str = r#"(module
    (memory (export "memory") 16)
    (global $g (mut i64) (i64.const 0))
    (table $t 64 funcref)
    (func $f)
    (elem declare func $f)
    (func (export "fill") (local i32)
        (memory.fill (i32.const 0) (i32.const 0xa5) (i32.const 0x100000))
        (global.set $g (i64.const -1))
        (table.fill $t (i32.const 0) (ref.func $f) (i32.const 64))
        (drop (memory.grow (i32.const 16)))
        (memory.fill (i32.const 0x100000) (i32.const 0xa5) (i32.const 0x100000))
        (call $deep (i64.const 1000)))
    (func $deep (param i64) (local i64 i64 i64 i64)
        (local.set 1 (i64.const -1)) (local.set 2 (i64.const -1))
        (if (i64.ne (local.get 0) (i64.const 0)) (then (call $deep (i64.sub (local.get 0) (i64.const 1))))))
    ;; How much of it is not as it was made.
    (func (export "find") (result i64) (local $at i32) (local $found i64) (local $zero i64)
        (drop (memory.grow (i32.const 16)))
        (loop $next
            (local.set $found (i64.or (local.get $found) (i64.load (local.get $at))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 0x200000))))
        (local.set $found (i64.or (local.get $found) (global.get $g)))
        (local.set $found (i64.or (local.get $found) (local.get $zero)))
        (local.set $at (i32.const 0))
        (loop $next
            (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then (local.set $found (i64.const -1))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $next (i32.lt_u (local.get $at) (i32.const 64))))
        (local.get $found)))"#;

#[test]
fn y_01_a_guest_finds_nothing_of_another() {
    let program = Program::load(&wat::parse_str(CANARY).unwrap()).unwrap();
    for _ in 0..8 {
        let mut first = Host::new().start(&program).unwrap();
        block_on(first.call("fill", &[])).unwrap();
        let mut beside = Host::new().start(&program).unwrap();
        assert!(matches!(block_on(beside.call("find", &[])).unwrap()[..], [Value::I64(0)]));
        // The test sees what it looks for.
        assert!(!matches!(block_on(first.call("find", &[])).unwrap()[..], [Value::I64(0)]));
        drop(first);
        let mut after = Host::new().start(&program).unwrap();
        assert!(matches!(block_on(after.call("find", &[])).unwrap()[..], [Value::I64(0)]));
    }
}

#[test]
fn y_03_a_guest_sees_what_was_granted_to_it_alone() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests/hello-rust.wasm");
    let program = Program::load(&fs::read(path).unwrap()).unwrap();
    let say = |host: Host| {
        let output = wasmote::backend::mem::Output::new();
        let exit = block_on(host.stdout(output.clone()).start(&program).unwrap().run()).unwrap();
        assert!(exit.is_success());
        String::from_utf8(output.contents()).unwrap()
    };
    let nothing = say(Host::new());
    let secret = say(Host::new().args(["a", "secret"]).env("TOKEN", "secret"));
    assert!(secret.contains("secret"), "{secret}");
    assert_eq!(say(Host::new()), nothing);
    assert!(!nothing.contains("secret"));
}

#[cfg(feature = "p2")]
#[test]
fn x_10_there_is_no_store_to_fill() {
    for interface in
        ["wasi:keyvalue/store@0.2.0-draft2", "wasi:keyvalue/atomics@0.2.0", "wasi:keyvalue/batch@0.3.0"]
    {
        let text = format!(r#"(component (import "{interface}" (instance (export "open" (func)))))"#);
        let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
        let error = Host::new().start(&program).map(drop).unwrap_err();
        assert!(error.missing_imports().iter().any(|missing| missing.module == interface), "{error}");
    }
}

/// T-05, but for what needs snapshots.
#[test]
fn t_05_no_guest_is_told_an_earlier_time_than_one_before() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "clock_time_get" (func $time (param i32 i64 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "now") (result i64)
            (if (call $time (i32.const 1) (i64.const 0) (i32.const 0)) (then unreachable))
            (i64.load (i32.const 0))))"#;
    let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
    let now = |guest: &mut Guest| match block_on(guest.call("now", &[])).unwrap()[..] {
        [Value::I64(now)] => now.cast_unsigned(),
        ref other => panic!("{other:?}"),
    };
    #[cfg_attr(not(feature = "std"), expect(unused_mut, reason = "there are no other clocks"))]
    let mut hosts = vec![Host::new().clocks(mem::Clocks::new())];
    #[cfg(feature = "std")]
    hosts.push(Host::new().clocks(wasmote::backend::std::Clocks));
    for host in hosts {
        let mut first = host.start(&program).unwrap();
        let mut told = Vec::new();
        for _ in 0..100 {
            told.push(now(&mut first));
            let mut beside = host.start(&program).unwrap();
            told.push(now(&mut beside));
            told.push(now(&mut first));
            drop(beside);
        }
        assert!(told.is_sorted(), "{told:?}");
        assert!(told.first() < told.last());
    }
}

/// T-07, but for what needs snapshots.
#[test]
fn t_07_no_two_guests_draw_the_same_numbers() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (func (export "draw") (result i64)
            (drop (call $random (i32.const 0) (i32.const 8)))
            (i64.load (i32.const 0))))"#;
    let program = Program::load(&wat::parse_str(text).unwrap()).unwrap();
    let draw = |host: &Host| {
        let mut guest = host.start(&program).unwrap();
        match block_on(guest.call("draw", &[])).unwrap()[..] {
            [Value::I64(drawn)] => drawn,
            ref other => panic!("{other:?}"),
        }
    };
    #[cfg(feature = "std")]
    {
        let host = Host::new().random(wasmote::backend::std::Random);
        let drawn: std::collections::BTreeSet<i64> = (0..1_000).map(|_| draw(&host)).collect();
        assert_eq!(drawn.len(), 1_000);
    }
    // Where the same was asked for, the same comes, and of no other seed.
    let seeded = |seed| draw(&Host::new().random(mem::Random::seeded(seed)));
    assert_eq!(seeded(7), seeded(7));
    assert_ne!(seeded(7), seeded(8));
}

fn guest(name: &str, limits: Limits) -> Guest {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/guests").join(name).with_extension("wasm");
    let program = Loader::new().limits(limits).load(&fs::read(path).unwrap()).unwrap();
    Host::new().limits(limits).args([name, "sha256", "1"]).start(&program).unwrap()
}

/// Runs ours to its end, with a turn of the neighbour between two of its; how many turns it took.
fn turns(neighbour: Option<&mut Guest>) -> (Exit, u64) {
    let mut cx = Context::from_waker(Waker::noop());
    let mut ours = guest("kernels", Limits::server());
    let mut ours = pin!(ours.run());
    let mut theirs = neighbour.map(|neighbour| Box::pin(neighbour.run()));
    for turns in 1.. {
        if let Poll::Ready(exit) = ours.as_mut().poll(&mut cx) {
            return (exit.unwrap(), turns);
        }
        if let Some(theirs) = &mut theirs {
            assert!(theirs.as_mut().poll(&mut cx).is_pending());
        }
    }
    unreachable!()
}

#[test]
fn y_05_a_neighbour_gets_one_slice_between_two_turns() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::server() };
    let alone = turns(None);
    assert!(alone.0.is_success() && alone.1 > 20, "{alone:?}");
    for hostile in ["spin", "grow-loop", "grow-denied", "table-grow-loop", "many-locals"] {
        let mut neighbour = guest(&format!("hostile/{hostile}"), limits);
        assert_eq!(turns(Some(&mut neighbour)), alone, "{hostile}");
        // A slice ends at the end of a block: what one costs is not much.
        let spent = neighbour.fuel_spent();
        let slices = (alone.1 - 1) * limits.slice_fuel;
        assert!((slices / 2..=slices + slices / 2).contains(&spent), "{hostile}: {spent} of {slices}");
    }
}
