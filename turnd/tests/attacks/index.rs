//! Which test holds off which attack, and which shows what a fault does: those of this directory, and those that
//! stand elsewhere.

use std::{collections::BTreeSet, fs, path::Path};

/// By number: A abuse of a relay, B reflection, C exhaustion, D secrecy, F faults. Below each its tests, by file and name.
const INDEX: &str = "
A01 internal hosts through the relay, by every entry and transport
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_reached_who_is_refused
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_connected_to_who_is_refused
    crates/proto/tests/stories/tcp_relaying/peers.rs a_peer_without_permission_is_turned_away_in_silence
A02 the same hosts in other spellings
    turnd/tests/attacks/relay_abuse.rs a02_no_encoding_of_an_ipv4_address_is_a_peer
    crates/proto/tests/stories/peer_policy.rs ipv4_in_disguise_is_never_a_peer
A03 zero addresses and port 0
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_reached_who_is_refused
    crates/proto/src/peers/tests.rs by_default_only_public_addresses_are_peers
A04 ranges that are compared wrongly
    turnd/tests/attacks/relay_abuse.rs a04_ranges_are_compared_as_numbers
A05 a rule that is not understood and denies nothing
    turnd/tests/attacks/relay_abuse.rs a05_a_rule_that_cannot_be_understood_stops_the_start
    turnd/tests/operating/reload.rs a_bad_file_changes_nothing_and_every_line_that_is_wrong_is_named
A06 an entry without the policy: only a checked peer can be sent to, by its type
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_reached_who_is_refused
    crates/proto/tests/stories/tcp_relaying/connect.rs a_forbidden_peer_is_never_asked_for
A07 this machine's own services
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_reached_who_is_refused
    crates/proto/tests/stories/peer_policy.rs of_this_machine_only_live_relays_are_peers
    crates/proto/tests/stories/peer_policy.rs the_listener_is_out_of_reach_however_it_is_called
    turnd/tests/serving/relaying.rs two_clients_reach_each_other_without_any_rule_and_nothing_else_of_this_machine
A08 a loop over nested allocations
    crates/proto/tests/stories/allocate.rs nobody_allocates_from_a_tunnel_or_from_a_relay
    crates/proto/tests/stories/allocate.rs a_connection_does_not_come_from_a_udp_relay
    crates/proto/tests/stories/mobility/mod.rs no_client_comes_back_as_a_relay_of_this_server
A09 tunnels that carry themselves
    crates/proto/tests/stories/allocate.rs nobody_allocates_from_a_tunnel_or_from_a_relay
    turnd/tests/attacks/relay_abuse.rs a02_no_encoding_of_an_ipv4_address_is_a_peer
A10 scans of the Internet
    turnd/tests/attacks/relay_abuse.rs a10_a_thousand_peers_at_once_are_not_reached
    crates/proto/tests/stories/abuse.rs an_allocation_meets_so_many_peers_a_second
    crates/proto/tests/stories/abuse.rs connections_count_as_peers_too
A11 a stolen time-limited credential
    crates/proto/tests/stories/owners.rs a_shared_secret_makes_users_for_a_while
    crates/proto/tests/stories/limits.rs new_time_stamps_are_no_new_accounts
    turnd/tests/operating/reload.rs secrets_are_replaced_while_calls_go_on
    turnd/tests/operating/reload.rs a_new_user_gets_in_and_one_that_was_removed_cannot_even_refresh
    turnd/tests/attacks/stolen.rs a11_a_credential_ends_and_its_user_has_one_share
    turnd/tests/attacks/stolen.rs a11_a_user_who_is_shut_out_is_gone_within_a_second
    crates/proto/tests/stories/reconfigure.rs a_user_who_is_shut_out_loses_what_he_has_and_gets_nothing_more
    crates/proto/tests/stories/reconfigure.rs every_time_limited_name_of_a_user_is_his
A12 somebody else's allocation
    crates/proto/tests/stories/owners.rs another_users_allocation_is_out_of_reach
    crates/proto/tests/stories/owners.rs another_users_answer_is_not_repeated
    turnd/tests/program/forgeries.rs a_signed_request_from_another_address_is_refused
A13 connections to services behind the relay
    turnd/tests/attacks/relay_abuse.rs a13_no_connection_is_made_unless_tcp_is_relayed
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_connected_to_who_is_refused
A14 multicast and broadcast
    turnd/tests/attacks/relay_abuse.rs a01_nobody_is_reached_who_is_refused
    crates/proto/tests/stories/peer_policy.rs no_rule_opens_what_is_nobodys_address
B01 Binding requests in somebody else's name
    turnd/tests/attacks/reflection.rs b01_answers_to_strangers_are_short
B02 challenges in somebody else's name
    turnd/tests/attacks/reflection.rs b01_answers_to_strangers_are_short
    turnd/tests/attacks/reflection.rs b02_no_option_makes_answers_to_strangers_long
    turnd/tests/attacks/reflection.rs b02_no_option_makes_answers_to_strangers_many_and_long
    crates/proto/tests/stories/bad_input.rs no_option_makes_answers_to_strangers_long
    crates/proto/tests/stories/abuse.rs longer_challenges_are_fewer
    turnd/tests/attacks/reflection.rs b03_a_flood_in_the_name_of_a_network_is_not_made_larger
    crates/proto/tests/stories/bad_input.rs strangers_get_little_for_their_bytes
B03 a lasting flood of one network
    turnd/tests/attacks/reflection.rs b03_a_flood_in_the_name_of_a_network_is_not_made_larger
    crates/proto/src/reflection.rs a_client_beside_the_victims_gets_in_within_three_seconds
    crates/proto/tests/stories/abuse.rs many_behind_one_address_are_served
B04 PADDING and RESPONSE-PORT
    crates/proto/tests/stories/binding.rs behaviour_discovery_is_not_offered
    crates/proto/tests/stories/discovery.rs padding_makes_an_answer_no_longer_than_its_request
    crates/proto/tests/stories/discovery.rs a_source_gets_twenty_such_answers_in_a_second
B05 a ClientHello in somebody else's name
    turnd/tests/dtls/hello.rs even_the_shortest_hello_is_longer_than_its_answer
B06 two servers set on each other
    turnd/tests/attacks/reflection.rs b06_two_servers_that_are_set_on_each_other_fall_silent
    turnd/tests/attacks/reflection.rs b06_the_ports_of_services_that_answer_everything_are_not_answered
    crates/proto/tests/stories/bad_input.rs nobody_is_answered_who_cannot_be_reached
B07 answers to garbage
    turnd/tests/attacks/reflection.rs b07_only_requests_of_five_methods_are_answered
    turnd/tests/attacks/reflection.rs b07_random_datagrams_are_not_answered
B08 streams as amplifiers: a handshake shows where a client is
    crates/proto/tests/stories/abuse.rs streams_dtls_and_loopback_are_challenged_as_often_as_they_like
C01 memory, by strangers
    turnd/tests/attacks/exhaustion.rs c01_a_flood_of_strangers_takes_no_memory
C02 work, by forged signatures
    crates/proto/tests/stories/authentication.rs a_forged_nonce_costs_no_search_for_a_key
    turnd/tests/program/fairness.rs a_second_of_flood_leaves_each_of_twenty_clients_nearly_all_its_answers
C03 allocations, by one user
    turnd/tests/serving/running_out.rs quotas_count_over_all_workers_and_each_user_for_itself
    turnd/tests/serving/running_out.rs without_descriptors_new_allocations_get_508_and_the_others_go_on
    crates/proto/tests/stories/limits.rs a_user_has_so_many_allocations_on_all_servers_together
C04 ports, by coming and going
    turnd/tests/serving/running_out.rs allocations_that_come_and_go_never_use_the_range_up
    turnd/tests/program/resources.rs two_thousand_allocations_use_every_port_of_the_range_and_no_other
C05 ports, by reserving them
    crates/proto/tests/stories/reservations.rs ten_thousand_reservations_leave_nothing_behind
    crates/proto/tests/stories/limits.rs a_reserved_port_costs_a_place_until_it_expires
C06 allocations that are taken along, and tickets
    crates/proto/tests/stories/mobility/mod.rs a_chain_of_resumes_without_data_holds_one_path_more_and_its_place
    crates/proto/tests/stories/mobility/streams.rs the_allocation_of_a_connection_waits_for_its_client_and_keeps_its_place
    crates/proto/tests/stories/mobility/mod.rs no_client_comes_back_as_a_relay_of_this_server
C07 permissions, channels, peers
    turnd/tests/attacks/exhaustion.rs c07_permissions_have_an_end
    crates/proto/tests/stories/limits.rs an_allocation_holds_64_channels
    crates/proto/src/abuse.rs so_many_are_remembered_and_no_more
C08 connections that say nothing whole
    turnd/tests/ways_in/floods.rs ten_thousand_half_open_connections_cost_little_and_are_closed
    turnd/tests/ways_in/limits.rs a_connection_that_says_nothing_whole_is_closed_in_time
    turnd/tests/ways_in/hoarders.rs beginnings_that_fill_what_a_worker_keeps_shut_nobody_out
    signaling/tests/server/floods.rs two_hundred_upgrades_that_nobody_finishes_are_given_up
C09 descriptors
    turnd/tests/ways_in/floods.rs without_descriptors_the_server_rests_and_recovers
    turnd/tests/ways_in/tcp_relaying.rs without_descriptors_no_peer_is_called
    turnd/tests/program/resources.rs without_descriptors_it_rests_between_refusals_and_relays_both_ways
C10 lengths that are not true
    turnd/tests/attacks/exhaustion.rs c10_an_announced_length_is_not_believed
    turnd/tests/ways_in/framing.rs channel_data_that_announces_65535_bytes_ends_the_connection_and_nobody_elses
    crates/wire/tests/properties/any_bytes.rs no_attributes_panic
    signaling/tests/server/floods.rs a_body_above_the_limit_is_refused_before_it_is_read
    signaling/tests/server/floods.rs a_hundred_thousand_packets_at_once_hold_up_nobody
    signaling/tests/server/floods.rs packets_of_no_kind_are_answered_and_end_no_more_than_their_session
    signaling/tests/server/floods.rs frames_that_break_the_rules_end_their_connection
C11 TLS handshakes
    turnd/tests/ways_in/limits.rs an_address_begins_as_many_handshakes_as_it_may
    turnd/tests/ways_in/limits.rs handshakes_beyond_what_a_second_may_have_wait_their_turn
    turnd/tests/clients/openssl.rs renegotiation_is_refused
    turnd/src/tls/tests/handshakes.rs a_resumed_session_carries_no_early_data
C12 DTLS handshakes
    turnd/tests/dtls/hello.rs any_number_of_first_hellos_leaves_nothing_behind
    turnd/tests/dtls/limits.rs beyond_the_limit_no_handshake_begins_and_the_established_ones_go_on
C13 data of peers that nobody has claimed
    turnd/tests/ways_in/tcp_relaying.rs a_peer_that_nobody_reads_is_made_to_wait
    crates/proto/tests/stories/tcp_relaying/connect.rs connections_of_an_allocation_are_bounded
C14 bandwidth
    turnd/tests/serving/counting.rs no_more_is_relayed_than_max_bps_lets_through
    turnd/tests/serving/fairness.rs a_client_that_floods_leaves_every_other_client_its_turn
C15 the log
    turnd/tests/operating/logs/floods.rs a_flood_of_strangers_is_a_trickle_in_the_log
C16 series of metrics
    turnd/tests/operating/metrics.rs hostile_user_names_make_no_more_series_than_asked_for_and_are_escaped
C17 ports that nobody knows of
    turnd/tests/attacks/exhaustion.rs c17_nothing_else_is_listened_on
    turnd/tests/operating/metrics_access.rs a_header_that_does_not_end_is_cut_off
C18 keys of maps
    turnd/tests/attacks/secrecy.rs d01_there_is_no_other_source_of_chance
D01 what can be foreseen
    turnd/tests/attacks/secrecy.rs d01_there_is_no_other_source_of_chance
    turnd/tests/attacks/secrecy.rs d01_ports_are_drawn_evenly
    crates/proto/tests/stories/tcp_relaying/bind.rs connections_have_names_of_their_own_that_nobody_guesses
D02 nonces that are forged, old or somebody else's
    crates/proto/src/nonce.rs no_single_character_can_be_changed
    crates/proto/src/nonce.rs a_nonce_is_good_for_its_client_until_it_is_old
    turnd/tests/operating/strangers.rs servers_with_one_nonce_secret_take_each_others_nonces_and_others_do_not
D03 which users there are
    crates/proto/tests/stories/authentication.rs nobody_learns_which_users_exist
    turnd/tests/attacks/secrecy.rs d03_time_does_not_tell_who_has_an_account
D04 secrets byte by byte
    turnd/tests/attacks/secrecy.rs d04_secrets_are_compared_in_constant_time
D05 passwords, by trying
    turnd/tests/attacks/exhaustion.rs d05_passwords_are_not_looked_at_for_ever
    crates/proto/tests/stories/abuse.rs passwords_are_tried_twenty_times_a_minute_from_one_source
    crates/proto/tests/stories/abuse.rs whoever_has_an_allocation_goes_on_beside_a_guesser_of_the_same_address
D06 passwords, by trying at home
    turnd/tests/attacks/secrecy.rs d06_short_passwords_are_told_of
    turnd/tests/operating/check.rs an_unsafe_file_is_told_so_point_by_point_and_ends_with_1
D07 bidding down
    crates/proto/tests/stories/authentication.rs the_list_of_algorithms_must_come_back_as_it_was_sent
    crates/proto/tests/stories/authentication.rs a_nonce_with_its_features_cut_is_no_nonce
D08 what stands behind the signature
    crates/wire/tests/properties/main.rs what_follows_the_integrity_changes_nothing
    crates/proto/tests/stories/bad_input.rs what_follows_the_signature_has_no_effect
D09 a realm of the client's choice
    crates/proto/tests/stories/authentication.rs another_realm_is_no_place_of_ours
    crates/proto/tests/stories/reconfigure.rs nobody_but_the_owner_profits_from_a_former_realm
D10 what was in the buffer before
    turnd/tests/attacks/secrecy.rs d10_padding_is_zero
D11 secrets that lie about
    turnd/tests/attacks/secrecy.rs d11_secrets_are_found_nowhere
    turnd/tests/attacks/secrecy.rs d11_the_memory_is_nobodys_to_read
    turnd/tests/program/logs.rs passwords_and_secrets_are_written_nowhere
    turnd/tests/operating/check.rs a_file_of_secrets_that_everybody_can_read_is_told
D12 lines of the log that a client writes
    turnd/tests/program/logs.rs names_from_the_network_break_no_line
    turnd/src/log/escape.rs whatever_is_logged_stays_on_its_line
    turnd/src/session_log/tests.rs nothing_turns_the_direction_of_a_line_not_even_the_realm
D13 what is meant for an interpreter: no database is read (its 25 options say so), and names are names everywhere
    turnd/tests/attacks/injection.rs d13_names_that_are_meant_for_an_interpreter_are_names
    turnd/tests/attacks/injection.rs d13_in_the_configuration_they_are_names_too
    turnd/tests/operating/metrics.rs hostile_user_names_make_no_more_series_than_asked_for_and_are_escaped
D14 tokens that are not what they seem
    turnd/tests/attacks/tokens.rs d14_only_the_token_itself_is_good
    turnd/tests/attacks/tokens.rs d14_a_recorded_request_is_not_good_from_elsewhere
    turnd/tests/attacks/tokens.rs d14_tokens_of_any_length_and_bytes_harm_nobody
    crates/proto/tests/stories/third_party.rs no_other_key_and_no_other_server_will_do
    crates/proto/tests/stories/third_party.rs lengths_that_lie_are_refused
    turnd/tests/operating/third_party.rs a_token_is_good_for_this_server_as_long_as_its_key_is
D15 a credentials endpoint as a tap: members of a room get theirs, so fast and no faster
    signaling/tests/server/main.rs an_address_asks_for_turn_credentials_ten_times_a_minute
    signaling/src/gate.rs an_address_asks_for_ten_credentials_a_minute
    signaling/src/options.rs credentials_of_guests_are_short
    signaling/src/hub/tests/packets.rs turn_credentials_belong_to_a_member
    signaling/src/hub/tests/limits.rs too_fast_and_slower
F01 the end while there are relays
    turnd/tests/attacks/drain.rs f01_a_thousand_relays_lose_nothing_until_the_last_of_them_has_ended
    turnd/tests/attacks/drain.rs f01_a_thousand_relays_lose_nothing_until_the_time_for_it_is_over
    turnd/tests/attacks/drain.rs f01_a_second_signal_ends_a_thousand_relays_at_once
    turnd/tests/operating/drain.rs sigusr1_refuses_new_allocations_and_ends_with_the_last_old_one
    turnd/tests/operating/drain.rs drain_timeout_ends_it_whatever_is_left
    turnd/tests/operating/drain.rs sigterm_drains_if_a_time_is_given_for_it_and_a_second_one_ends_it_at_once
    turnd/tests/serving/redirects.rs while_it_drains_clients_are_sent_to_the_others
F02 the end of an idle server
    turnd/tests/attacks/faults.rs f02_an_idle_server_ends_at_once
F03 reloads under load
    turnd/tests/operating/reload_under_load.rs reloads_under_load_lose_no_packet_and_leave_nothing_behind
    turnd/tests/operating/reload_under_load.rs allocations_that_come_and_go_are_all_served_across_reloads
    turnd/tests/operating/reload.rs a_bad_file_changes_nothing_and_every_line_that_is_wrong_is_named
    turnd/tests/operating/reload.rs a_peer_that_is_denied_is_cut_off_at_once_and_others_are_not
    turnd/tests/operating/reload_certificates.rs sighup_takes_new_certificate_files_and_connections_go_on
F06 a log that cannot be written
    turnd/tests/operating/logs/no_room.rs a_full_disk_costs_lines_and_nothing_else
    turnd/tests/operating/logs/no_room.rs a_reader_who_does_not_read_costs_lines_and_nothing_else
    turnd/tests/operating/logs/system.rs without_anyone_who_takes_them_lines_are_lost_there_only
F07 no descriptors
    turnd/tests/serving/running_out.rs without_descriptors_new_allocations_get_508_and_the_others_go_on
    turnd/tests/operating/metrics_health.rs clients_cannot_use_up_the_descriptors_that_metrics_and_a_reload_need
F08 full buffers
    crates/net/tests/net/udp.rs a_full_send_buffer_drops_and_does_not_wait
    turnd/tests/network/full_buffers.rs a_link_to_a_peer_that_is_full_costs_what_does_not_fit
    turnd/tests/network/full_buffers.rs a_small_buffer_toward_a_peer_costs_what_does_not_fit
    turnd/tests/network/full_buffers.rs a_link_to_a_client_that_is_full_costs_nobody_else_an_answer
    turnd/tests/network/full_buffers.rs a_small_buffer_toward_a_client_costs_nobody_else_an_answer
F09 no ports
    turnd/tests/attacks/faults.rs f09_a_full_range_is_told_at_once
F10 steps of the wall clock
    crates/proto/tests/stories/lifetimes.rs steps_of_the_wall_clock_change_nothing_that_is_there
F11 a machine that stands still
    turnd/tests/attacks/faults.rs f11_a_server_that_stood_still_goes_on_at_once
    crates/proto/tests/stories/lifetimes.rs a_clock_that_jumps_far_ends_everything_once
F12 one client at a hundred times the rate of others
    turnd/tests/serving/fairness.rs a_client_that_floods_leaves_every_other_client_its_turn
F13 a client that does not read
    turnd/tests/ways_in/slow_readers.rs who_stops_reading_loses_what_does_not_fit_and_costs_nobody_else_anything
    turnd/tests/ways_in/slow_readers.rs a_flood_toward_many_who_do_not_read_costs_a_megabyte_for_each
F14 loss, disorder and copies
    turnd/tests/attacks/faults.rs f14_calls_are_set_up_over_a_bad_network
F15 addresses and routes that go and come
    turnd/tests/network/links.rs an_address_that_goes_takes_only_its_own_relays_along_and_may_come_back
    turnd/tests/network/links.rs a_route_that_is_gone_costs_datagrams_and_nothing_else
F16 a crash
    turnd/tests/attacks/faults.rs f16_a_thousand_clients_come_back_after_a_crash
F18 a hundred thousand allocations
    turnd/tests/operating/metrics_health.rs a_scrape_takes_less_than_five_milliseconds_however_many_allocations_there_are
F19 coming and going for long
    turnd/tests/program/soak.rs churn_gives_back_descriptors_ports_and_memory
F20 counters that wrap
    crates/proto/src/nonce.rs the_wrap_of_the_time_stamp_is_a_second_like_others
    crates/proto/src/reflection.rs clocks_that_wrap_change_nothing
F21 a panic
    turnd/tests/attacks/faults.rs f21_a_panic_is_one_workers_and_soon_over
    turnd/tests/attacks/faults.rs f21_a_worker_falls_again_and_again_and_leaves_nothing_behind
    crates/proto/tests/stories/anew.rs everything_has_ended_and_everybody_may_come_back_at_once
    crates/proto/tests/stories/anew.rs a_client_that_had_moved_is_served_where_he_is_heard
F22 no memory
    turnd/tests/attacks/memory.rs f22_new_work_is_refused_before_memory_is_gone
    crates/proto/tests/stories/limits.rs while_memory_is_short_nothing_new_is_begun_and_what_is_there_goes_on
    turnd/tests/operating/memory.rs each_refusal_for_want_of_memory_is_counted_by_what_was_refused
F23 a DNS that is silent
    turnd/tests/operating/external.rs a_dns_that_is_silent_holds_up_neither_the_start_nor_a_reload
    turnd/tests/operating/external.rs a_stun_server_that_is_silent_over_one_family_does_not_discard_the_other
F24 certificates that are missing, over, or of another key
    turnd/tests/ways_in/certificates.rs without_a_certificate_that_can_be_used_there_is_no_start
    turnd/tests/operating/check.rs a_certificate_that_does_not_fit_its_key_is_found
    turnd/src/tls/tests/files.rs dates_are_warnings_and_the_server_starts
F25 the signalling server restarts
    signaling/tests/clients/browsers.rs a_call_outlives_the_signalling_server
F26 one family of addresses only
    turnd/tests/network/links.rs without_ipv6_there_is_everything_else
    turnd/tests/network/links.rs with_only_ipv6_too
F27 senders that nobody can be
    turnd/tests/network/nobody.rs nobody_gets_an_answer_and_each_is_counted
F28 a worker that is stuck
    turnd/tests/operating/systemd.rs the_watchdog_is_fed_until_one_worker_of_two_is_stuck_and_again_when_it_goes_on
";

/// Faults of what there is not in this program.
const NOT_OFFERED: [(&str, &str); 3] = [
    ("F04", "a database of users that may be slow"),
    ("F05", "a database of users that is written to"),
    ("F17", "sockets that a new program takes over"),
];

/// The last number of each group.
const LAST: [(char, u32); 5] = [('A', 14), ('B', 8), ('C', 18), ('D', 15), ('F', 28)];

fn rows() -> impl Iterator<Item = &'static str> {
    let lines = INDEX.lines().filter(|line| !line.is_empty());
    lines.filter(|line| !line.starts_with(' '))
}

#[test]
fn every_attack_has_its_tests() {
    let ids: Vec<&str> = rows().map(|row| row.split(' ').next().unwrap()).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "each attack once");
    for (group, last) in LAST {
        for number in 1..=last {
            let id = format!("{group}{number:02}");
            let is_offered = NOT_OFFERED.iter().all(|(without, _)| *without != id);
            assert_eq!(known.contains(&*id), is_offered, "{id}");
        }
    }
}

#[test]
fn every_test_of_the_index_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (mut row, mut tests) = ("", 1);
    for line in INDEX.lines().filter(|line| !line.is_empty()) {
        if !line.starts_with(' ') {
            assert!(tests > 0, "no test: {row}");
            (row, tests) = (line, 0);
            continue;
        }
        let (file, name) = line.trim().split_once(' ').expect("a file and a name");
        let text = fs::read_to_string(root.join(file));
        let text = text.unwrap_or_else(|error| panic!("{row}: {file}: {error}"));
        let test = format!("fn {name}(");
        assert!(text.contains(&test), "{row}: no {name} in {file}");
        tests += 1;
    }
    assert!(tests > 0, "no test: {row}");
}
