-- The kinds of devices that the project ships, as they were observed on the wire. A row is data: what one kind cannot do
-- or does differently is said here and nowhere else.

-- TinyPART's RIOT build with Femto-Containers (demo suit_femtocontainer): two slots in RAM, containers answer over CoAP,
-- nothing reports the outcome of an update. It takes an empty ACK for a whole, empty body, so answers must be
-- piggybacked. Retransmits at 2.5, 6 and 11.3 s, gives up after 30 to 45 s (43.4 s was the longest seen).
INSERT INTO profile (name, description, dialect, image_types, slots, component, manifest_size_max, image_size_max,
    path_size_max, vendor_domain, class_name, trigger_path, trigger_nul, exec_path, answer_digits, outcome, give_up_ms,
    may_ping, piggyback_only, block_szx_min, host_name_urls, shared_sequence, sequence_lost_at_boot, telemetry,
    noises_on_board, telemetry_plain, helpers, branches_max, section_loads, neg_is_8f,
    algorithm)
VALUES ('riot-tinypart', 'RIOT with Femto-Containers, as TinyPART builds it', 'riot', 'bpf', 2, 'ram/%u', 640, 2048,
    70, 'riot-os.org', 'native', '/suit/trigger', 0, '/bpf/exec/%u', 2, 'exec', 45000,
    1, 1, 6, 0, 1, 1, 0,
    0, 0, '0x30,0x31,0x32,0x60,0x61', 200, 0, 1, 'ed25519');

-- Mainline RIOT (examples/advanced/suit_update): reads the trigger's URL up to a NUL byte that it does not add itself,
-- and a CoAP ping crashes it. Runs nothing, so a step ends as delivered. Asks for blocks of 64 bytes; gives up within
-- 93 s (its last transmission was seen at 41.7 s).
INSERT INTO profile (name, description, dialect, image_types, slots, component, manifest_size_max, image_size_max,
    path_size_max, vendor_domain, class_name, trigger_path, trigger_nul, exec_path, answer_digits, outcome, give_up_ms,
    may_ping, piggyback_only, block_szx_min, host_name_urls, shared_sequence, sequence_lost_at_boot, telemetry,
    noises_on_board, telemetry_plain, helpers, branches_max, section_loads, neg_is_8f,
    algorithm)
VALUES ('riot-mainline', 'mainline RIOT with SUIT updates, no containers run', 'riot', 'bpf', 2, 'ram/%u', 640, 2048,
    70, 'riot-os.org', 'native64', '/suit/trigger', 1, '', 0, 'fetch', 93000,
    0, 1, 2, 0, 1, 1, 0,
    0, 0, '0x30,0x31,0x32,0x60,0x61', 200, 0, 0, 'ed25519');

-- This project's own device side: current SUIT manifests, signed reports, telemetry noised on board by signed policy.
INSERT INTO profile (name, description, dialect, image_types, slots, component, manifest_size_max, image_size_max,
    path_size_max, vendor_domain, class_name, trigger_path, trigger_nul, exec_path, answer_digits, outcome, give_up_ms,
    may_ping, piggyback_only, block_szx_min, host_name_urls, shared_sequence, sequence_lost_at_boot, telemetry,
    noises_on_board, telemetry_plain, helpers, branches_max, section_loads, neg_is_8f,
    algorithm)
VALUES ('tinypart', 'tinypart device: reports, and noises its telemetry on board', 'suit', 'bpf', 4, 'slot/%u', 1024,
    8192, 70, 'tinypart.org', 'tinypart-device', '/suit/trigger', 0, '/exec/%u', 2, 'report', 95000,
    1, 0, 2, 0, 1, 0, 1,
    1, 1, '0x30,0x31,0x32,0x60,0x61', 200, 1, 1, 'ed25519');
