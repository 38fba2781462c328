%% The program's command line: what it refuses and how, and the commands beside `run`.
-module(program_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([a_name_without_host_is_refused/1, a_cookie_that_others_can_read_is_refused/1,
         a_bare_elixir_name_is_refused_with_a_hint/1, a_tick_time_out_of_range_is_refused/1,
         without_epmd_it_does_not_start/1,
         an_unusable_data_directory_is_refused/1, a_data_directory_in_use_is_refused/1,
         missing_workers_are_refused/1]).
-export([status_shows_the_node/1, a_node_that_does_not_answer_is_said/1, leave_ends_the_node/1,
         a_ring_file_that_cannot_be_written_is_shown_and_written_later/1,
         place_agrees_with_the_legacy_placement/1, place_names_the_lines_that_are_no_terms/1,
         its_version_is_printed/1]).

%% The exit statuses, as the README lists them.
-define(USAGE, 1).
-define(NO_EPMD, 3).
-define(DATA_DIR, 5).
-define(WORKERS, 8).
-define(NO_ANSWER, 9).
-define(BAD_INPUT, 10).

all() ->
    [a_name_without_host_is_refused, a_cookie_that_others_can_read_is_refused,
     a_bare_elixir_name_is_refused_with_a_hint, a_tick_time_out_of_range_is_refused,
     without_epmd_it_does_not_start,
     an_unusable_data_directory_is_refused, a_data_directory_in_use_is_refused,
     missing_workers_are_refused, status_shows_the_node, a_node_that_does_not_answer_is_said,
     leave_ends_the_node, a_ring_file_that_cannot_be_written_is_shown_and_written_later, place_agrees_with_the_legacy_placement,
     place_names_the_lines_that_are_no_terms, its_version_is_printed].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

init_per_testcase(_Case, Config) ->
    [{mark, ring_cluster:mark()} | Config].

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% Refusals of `run`

a_name_without_host_is_refused(_Config) ->
    refused(?USAGE, "nohost", changed("--name", "nohost")).

a_cookie_that_others_can_read_is_refused(Config) ->
    File = filename:join(proplists:get_value(priv_dir, Config), "open_cookie"),
    ok = file:write_file(File, "secret_of_many"),
    ok = file:change_mode(File, 8#644),
    Log = refused(?USAGE, File, changed("--cookie-file", File)),
    ?assertEqual(nomatch, re:run(Log, "secret_of_many")).

a_bare_elixir_name_is_refused_with_a_hint(_Config) ->
    refused(?USAGE, "'Elixir.MySup'", args() ++ ["--supervisor", "MySup=my_sup@dev@127.0.0.1"]).

a_tick_time_out_of_range_is_refused(_Config) ->
    [refused(?USAGE, "--tick-time", args() ++ ["--tick-time", Time]) || Time <- ["0", "-1", "3601", "soon"]].

without_epmd_it_does_not_start(_Config) ->
    {ok, Socket} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Socket),
    ok = gen_tcp:close(Socket),
    refused(?NO_EPMD, "epmd", args() ++ ["--epmd-port", integer_to_list(Port)]).

an_unusable_data_directory_is_refused(_Config) ->
    Dir = filename:join(ring_cluster:cookie_file(), "below_a_file"),
    refused(?DATA_DIR, Dir, changed("--data-dir", Dir)).

a_data_directory_in_use_is_refused(_Config) ->
    _ = ring_cluster:start_ringnode("holder"),
    Dir = ring_cluster:data_dir("holder"),
    refused(?DATA_DIR, Dir, changed("--data-dir", Dir)).

missing_workers_are_refused(_Config) ->
    refused(?WORKERS, "no_such.so", changed("--workers", "./no_such.so")).

args() ->
    ring_cluster:run_args("refused").

%% The usual arguments, but this one.
changed(Flag, Value) ->
    changed(args(), Flag, Value).

changed([Flag, _ | Rest], Flag, Value) -> [Flag, Value | Rest];
changed([Other | Rest], Flag, Value) -> [Other | changed(Rest, Flag, Value)].

%% One line that says why, and the documented status.
refused(Status, Why, Args) ->
    Program = ring_cluster:run_ringnode("refused", Args),
    Ended = ring_cluster:await_exit(Program, 20000),
    Log = ring_cluster:log(Program),
    ?assertEqual({Status, Log}, {Ended, Log}),
    ?assertNotEqual({nomatch, Log}, {string:find(Log, Why), Log}),
    Log.

%% The other commands

status_shows_the_node(_Config) ->
    #{node := Node} = ring_cluster:start_ringnode("shown"),
    {0, Text} = ring_cluster:command(["status", "--name", atom_to_list(Node),
                         "--cookie-file", ring_cluster:cookie_file()]),
    ?assertMatch({match, _}, re:run(Text, atom_to_list(Node))),
    ?assertMatch({match, _}, re:run(Text, "1 of 1 up")).

a_node_that_does_not_answer_is_said(_Config) ->
    {?NO_ANSWER, Text} = ring_cluster:command(["status", "--name", "nobody@127.0.0.1",
                                  "--cookie-file", ring_cluster:cookie_file()]),
    ?assertMatch({match, _}, re:run(Text, "nobody@127.0.0.1")).

leave_ends_the_node(_Config) ->
    #{node := Node} = Program = ring_cluster:start_ringnode("leaver"),
    {0, _} = ring_cluster:command(["leave", "--name", atom_to_list(Node),
                      "--cookie-file", ring_cluster:cookie_file()]),
    ?assertEqual(0, ring_cluster:await_exit(Program, 10000)).

%% While it runs, its data directory is taken away and a file put in its place.
a_ring_file_that_cannot_be_written_is_shown_and_written_later(_Config) ->
    #{node := Node} = Program = ring_cluster:start_ringnode("lost_disk"),
    Dir = ring_cluster:data_dir("lost_disk"),
    Beam = ring_cluster:start_beam("changer"),
    File = filename:join(Dir, "ring"),
    ring_cluster:eventually(fun() -> filelib:is_regular(File) end, 5000),
    ok = file:rename(Dir, Dir ++ ".moved"),
    ok = file:write_file(Dir, "in its place"),
    add_node(Beam, Node, 'one@127.0.0.1'),
    ring_cluster:eventually(fun() -> is_list(string:find(ring_cluster:status(Node), "NOT WRITTEN")) end, 5000),
    ct:log("~ts", [ring_cluster:status(Node)]),
    add_node(Beam, Node, 'two@127.0.0.1'),
    ?assertEqual(pong, ring_cluster:in(Beam, fun() -> net_adm:ping(Node) end)),
    ok = file:delete(Dir),
    ring_cluster:eventually(fun() -> string:find(ring_cluster:status(Node), "NOT WRITTEN") end, nomatch, 20000),
    {ok, Bytes} = file:read_file(File),
    ?assertMatch([_, 'one@127.0.0.1', 'two@127.0.0.1'], ring_view:members(binary_to_term(Bytes))),
    Log = ring_cluster:log(Program),
    [?assertMatch([_], binary:matches(Log, Line))
     || Line <- [<<"the file ring is not written: cannot create the data directory">>, <<"the file ring is written again">>]].

add_node(Beam, Node, Name) ->
    ok = ring_cluster:in(Beam, fun() -> gen_server:cast({'Elixir.NanoRing', Node}, {add_node, Name}) end).

place_agrees_with_the_legacy_placement(Config) ->
    Nodes = ['a@127.0.0.1', 'b@127.0.0.1', 'c@127.0.0.1'],
    Ids = lists:seq(1, 300) ++ [list_to_atom("id" ++ integer_to_list(N)) || N <- lists:seq(1, 300)]
        ++ [{user, N, <<"text">>, [1.5, "string"]} || N <- lists:seq(1, 300)],
    Text = [io_lib:format("~w~n", [Id]) || Id <- Ids],
    {0, Placed} = place(Config, Nodes, Text),
    Beam = ring_cluster:start_legacy("placer"),
    Expected = ring_cluster:in(Beam, fun() ->
        Ring = 'Elixir.ConsistentHash':ring_for_nodes(Nodes),
        [atom_to_list('Elixir.ConsistentHash':node_for_key(Ring, {my_sup, Id})) || Id <- Ids]
    end),
    ?assertEqual(Expected, [hd(string:split(Line, "\t"))
                            || Line <- string:lexemes(binary_to_list(Placed), "\n")]).

place_names_the_lines_that_are_no_terms(Config) ->
    {?BAD_INPUT, Text} = place(Config, ['a@127.0.0.1'], "one\n{two,\n\nfour\n"),
    ?assertMatch({match, _}, re:run(Text, "line 2")),
    ?assertMatch({match, _}, re:run(Text, "a@127.0.0.1\tfour")).

its_version_is_printed(_Config) ->
    {0, Text} = ring_cluster:command(["--version"]),
    ?assertMatch({match, _}, re:run(Text, "ringnode [0-9]+\\.[0-9]+")).

%% `ringnode place` with Text as its standard input.
place(Config, Nodes, Text) ->
    Dir = proplists:get_value(priv_dir, Config),
    [In, Out] = [filename:join(Dir, Name) || Name <- ["place_in", "place_out"]],
    ok = file:write_file(In, Text),
    Members = lists:join($,, [atom_to_list(Node) || Node <- Nodes]),
    Status = os:cmd(lists:flatten(
                      [ring_cluster:executable(), " place --otp 25 --supervisor my_sup --members ",
                       Members, " <'", In, "' >'", Out, "' 2>&1; echo -n $?"])),
    {ok, Printed} = file:read_file(Out),
    {list_to_integer(Status), Printed}.
