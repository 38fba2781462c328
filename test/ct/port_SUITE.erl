%% What the application makes of a program that is not what it should be: missing, of another
%% version, crashing, silent.
-module(port_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([a_missing_program_is_one_line_and_an_error/1, a_program_that_may_not_be_executed_is_named/1,
         another_version_of_the_protocol_is_refused/1, noise_is_not_taken_for_a_program/1,
         a_program_that_crashes_at_once_is_spaced/1, a_silent_program_is_killed_and_replaced/1,
         what_the_program_says_last_is_logged/1]).

-import(dropin_kit, [supervisor/1, start/3, fake/2, lines/2]).
-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, 'Elixir.BeamSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [a_missing_program_is_one_line_and_an_error, a_program_that_may_not_be_executed_is_named,
     another_version_of_the_protocol_is_refused, noise_is_not_taken_for_a_program,
     a_program_that_crashes_at_once_is_spaced, a_silent_program_is_killed_and_replaced,
     what_the_program_says_last_is_logged].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:one_beam(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

a_missing_program_is_one_line_and_an_error(Config) ->
    Beam = start(Config, "/no/such/program", #{}),
    in(Beam, fun() ->
        ?assertMatch({error, {no_program, {cannot_start, _, enoent}}}, supervisor([])),
        ?assertExit({{no_program, {cannot_start, _, enoent}}, {supervisorring, status, []}},
                    supervisorring:status()),
        ?assertExit({noproc, {supervisorring, find, [?SUP, a]}}, supervisorring:find(?SUP, a))
    end),
    timer:sleep(300),
    ?assertMatch([_], lines(Beam, "/no/such/program is not there")).

a_program_that_may_not_be_executed_is_named(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "not_executable"),
    ok = file:write_file(File, "#!/bin/sh\n"),
    ok = file:change_mode(File, 8#644),
    Beam = start(Config, File, #{}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, {cannot_start, _, eacces}}}, supervisor([])) end),
    ?assertMatch([_], lines(Beam, "not_executable may not be executed")).

another_version_of_the_protocol_is_refused(Config) ->
    Beam = start(Config, fake(another_version, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, _}}, supervisor([])) end),
    ?assertMatch([_ | _], lines(Beam, "speaks version 2 of the protocol (program 9.9.9), this application 1")).

noise_is_not_taken_for_a_program(Config) ->
    Beam = start(Config, fake(noise, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, _}}, supervisor([])) end),
    ?assertMatch([_ | _], lines(Beam, "is not the program that belongs here, it sends")).

a_program_that_crashes_at_once_is_spaced(Config) ->
    Beam = start(Config, fake(crashing, Config), #{lease_ms => 1000}),
    in(Beam, fun() -> ?assertMatch({error, {no_program, {exit_status, 3}}}, supervisor([])) end),
    ?assertEqual([ended("a successor is started"), ended("a successor is started"),
                  ended("a successor is started in 100 ms"), ended("a successor is started in 200 ms")],
                 lists:sublist(lines(Beam, "ended with status 3"), 4)).

ended(Next) ->
    "supervisorring: the program ended with status 3; " ++ Next.

a_silent_program_is_killed_and_replaced(Config) ->
    Beam = start(Config, fake(silent, Config), #{}),
    eventually(fun() -> length(lines(Beam, "has been silent for 1000 ms: it is killed")) end, 2, 15000).

what_the_program_says_last_is_logged(Config) ->
    Beam = start(Config, fake(refusing, Config), #{}),
    eventually(fun() -> lines(Beam, "the program refuses to start: no time today") =/= [] end, 10000).
