%% What the suites of the drop-in application share: BEAMs with a program beside them, the
%% real one or fake_program, and what is asked of them.
-module(dropin_kit).

-export([start/1, stop/0, begin_case/1, one_beam/1, supervising_beam/1, end_case/1]).
-export([start/3, fake/2, on/2, lines/1, lines/2, log_lines/2]).
-export([members/1, members/2, await_up/1, start_mixed/1, await_one_of_each/2, pids/2]).
-export([supervisor/1, await/1, await_gone/1, is_gone/1, stop_program/0]).

-import(ring_cluster, [in/2, eventually/2, eventually/3, program_pid/0]).

-define(SUP, 'Elixir.BeamSup').
-define(MIXED, 'Elixir.MixedSup').

-type config() :: [{atom(), term()}].

%% Of a suite, and of a case: whatever a case starts ends with it.

-spec start(config()) -> config().
start(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

-spec stop() -> ok.
stop() ->
    ring_cluster:stop().

-spec begin_case(config()) -> config().
begin_case(Config) ->
    [{mark, ring_cluster:mark()} | Config].

%% A BEAM (beam) on which the application is not started yet.
-spec one_beam(config()) -> config().
one_beam(Config) ->
    Marked = begin_case(Config),
    Name = "beam_" ++ integer_to_list(erlang:unique_integer([positive])),
    Beam = ring_cluster:start_beam(Name),
    in(Beam, fun() -> log_lines:start(), beam_child:witness() end),
    [{beam, Beam} | Marked].

%% A BEAM (beam) with a fake program that supervises beside it.
-spec supervising_beam(config()) -> config().
supervising_beam(Config) ->
    With = one_beam(Config),
    Started = start(proplists:get_value(beam, With), fake(supervising, Config), #{lease_ms => 20000}),
    ct:log("~p: ~p", [proplists:get_value(beam, With), Started]),
    With.

-spec end_case(config()) -> ok.
end_case(Config) ->
    [log_lines(beam, Beam) || {beam, Beam} <- Config],
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% A BEAM and its program

%% Starts the application: of the case's BEAM, which is the result, or of a given one.
start(Config, Program, Env) when is_list(Config) ->
    Beam = proplists:get_value(beam, Config),
    _ = start(Beam, Program, Env),
    Beam;
start(#{node := Node} = Beam, Program, Env) ->
    DataDir = ring_cluster:data_dir(atom_to_list(Node)),
    in(Beam, fun() ->
        _ = application:load(supervisorring),
        [application:set_env(supervisorring, Key, Value)
         || {Key, Value} <- maps:to_list(Env#{program => Program, data_dir => DataDir})],
        application:ensure_all_started(supervisorring)
    end).

%% A fake program of that mode.
fake(Mode, Config) ->
    fake_program:script(proplists:get_value(priv_dir, Config), Mode, filename:dirname(code:which(?MODULE))).

%% Runs Fun on the case's BEAM.
on(Config, Fun) ->
    in(proplists:get_value(beam, Config), Fun).

%% What the application has logged there, debug lines apart; only lines with that text.
lines(Config) when is_list(Config) -> lines(proplists:get_value(beam, Config));
lines(Beam) -> in(Beam, fun() -> [Text || {Level, Text, _} <- log_lines:events(), Level =/= debug] end).

lines(Config, Text) ->
    [Line || Line <- lines(Config), string:find(Line, Text) =/= nomatch].

%% Members of one ring, with the real program

members(Names) ->
    members(Names, #{}).

%% The first one is joined by the others, where Env does not name another.
members([First | _] = Names, Env) ->
    FirstNode = ring_cluster:node_name(First),
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- Names],
    Members = [begin
                   Join = case Name of First -> []; _ -> [FirstNode] end,
                   Beam = ring_cluster:start_dropin(Name, maps:merge(#{join => Join}, Env)),
                   ring_cluster:legacy_modules(Beam),
                   eventually(fun() -> in(Beam, fun ring_cluster:is_ready/0) end, 10000),
                   Beam
               end || Name <- Names],
    await_up(Members),
    Members.

await_up(Members) ->
    Nodes = lists:sort([Node || #{node := Node} <- Members]),
    [eventually(fun() -> in(M, fun() -> Nodes -- ring_view:up(node()) end) end, [], 15000) || M <- Members].

start_mixed(Members) ->
    _ = file:delete(ring_cluster:children_file()),
    [{ok, _} = in(Member, fun() -> ?MIXED:start() end) || Member <- Members].

%% Every child runs on its owner and nowhere else.
await_one_of_each(Asked, Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    eventually(fun() -> in(Asked, fun() ->
        Running = lists:sort([{Id, Node} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?MIXED, Node}), is_pid(Pid)]),
        Owned = lists:sort([{Id, supervisorring:find(?MIXED, Id)} || Id <- ?MIXED:ids()]),
        {Running -- Owned, Owned -- Running}
    end) end, {[], []}, 20000).

pids(Asked, Members) ->
    Nodes = [Node || #{node := Node} <- Members],
    in(Asked, fun() ->
        lists:sort([{Id, Pid} || Node <- Nodes, {Id, Pid, _, _} <- supervisor:which_children({?MIXED, Node}),
                                 lists:member(Id, ?MIXED:ids())])
    end).

%% What a BEAM has logged, into the case's log; one that a case has killed says nothing.
log_lines(Which, Beam) ->
    try lines(Beam) of
        Lines -> ct:log("~p: ~ts", [Which, [[Line, $\n] || Line <- Lines]])
    catch
        _:_ -> ok
    end.

%% On the BEAM

supervisor(Specs) ->
    Restore = process_flag(trap_exit, true),
    Result = supervisorring:start_link({local, ?SUP}, beam_child, {ok, {{one_for_one, 10, 5}, Specs}}),
    await_exit_of_refused(Result),
    process_flag(trap_exit, Restore),
    Result.

%% A process that refuses to start answers first and exits then; its exit must find the caller trapping.
await_exit_of_refused({error, _}) ->
    receive {'EXIT', _, _} -> ok after 1000 -> ok end;
await_exit_of_refused(_) ->
    ok.

await(Ids) ->
    eventually(fun() -> [Id || Id <- Ids, is_pid(whereis(Id))] end, Ids, 5000).

await_gone(Pid) ->
    Monitor = monitor(process, Pid),
    receive {'DOWN', Monitor, process, _, _} -> ok after 10000 -> error({still_there, Pid}) end.

is_gone(OsPid) ->
    os:cmd("kill -0 " ++ OsPid ++ " 2>&1") =/= "".

stop_program() ->
    os:cmd("kill -STOP " ++ program_pid()).
