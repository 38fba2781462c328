%% exec/3,4,5 with functions that raise: the caller gets the error, and nothing is restarted.
%%
%% Two members beside BEAMs, asked by the owner of the child and by the other; and what is no function at all.
-module(exec_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([a_function_that_raises_answers_its_caller/1, many_that_raise_restart_nothing/1, what_is_no_function_is_answered/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.ExecSup').
-define(IDS, [e1, e2, e3, e4, e5, e6, e7, e8]).

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [a_function_that_raises_answers_its_caller, many_that_raise_restart_nothing, what_is_no_function_is_answered].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Members = [#{node := First} | _] = [member("exec1", []), member("exec2", [ring_cluster:node_name("exec1")])],
    [eventually(fun() -> in(Member, fun() -> length(ring_view:up(node())) end) end, 2, 15000) || Member <- Members],
    eventually(fun() -> length(lists:append([pids(Member) || Member <- Members])) end, length(?IDS), 20000),
    ct:log("first member: ~p", [First]),
    [{members, Members} | Config].

end_per_suite(_Config) ->
    ring_cluster:stop().

member(Name, Join) ->
    Beam = ring_cluster:start_beam(Name),
    Env = #{program => ring_cluster:executable(), data_dir => ring_cluster:data_dir(Name), join => Join},
    Parent = fun() ->
        {ok, _} = supervisorring:start_link({local, ?SUP}, beam_child, {ok, {{one_for_one, 0, 60}, [beam_child:spec(Id) || Id <- ?IDS]}}),
        receive after infinity -> ok end
    end,
    {ok, _} = in(Beam, fun() ->
        ok = logger:set_primary_config(level, none),
        _ = application:load(supervisorring),
        [application:set_env(supervisorring, Key, Value) || {Key, Value} <- maps:to_list(Env)],
        Started = application:ensure_all_started(supervisorring),
        _ = spawn(Parent),
        Started
    end),
    Beam.

%% The processes of the supervisor and its children on a member.
pids(Member) ->
    in(Member, fun() -> [Pid || {_, Pid, _, _} <- supervisor:which_children(?SUP), is_pid(Pid)] end).

processes(Config) ->
    [{lists:sort(pids(Member)),
      in(Member, fun() -> [whereis(Name) || Name <- [?SUP, 'Elixir.ExecSup.GlobalSup', 'Elixir.ExecSup.ChildManager', supervisorring_port]] end)}
     || Member <- proplists:get_value(members, Config)].

on_each(Config, Fun) ->
    [in(Member, Fun) || Member <- proplists:get_value(members, Config)].

%% Intensity 0: one child that ended would show.
a_function_that_raises_answers_its_caller(Config) ->
    Before = processes(Config),
    on_each(Config, fun() ->
        [begin
             ?assertMatch({error, {exception, boom, [_ | _]}}, supervisorring:exec(?SUP, Id, fun() -> error(boom) end)),
             ?assertMatch({error, {exception, {badmatch, _}, [_ | _]}}, supervisorring:exec(?SUP, Id, fun() -> Id = make_ref() end, 5000)),
             ?assertMatch({error, {exception, undef, [_ | _]}}, supervisorring:exec(?SUP, Id, fun no_such_module:at_all/0, 5000, 1)),
             ?assertEqual({error, {throw, ball}}, supervisorring:exec(?SUP, Id, fun() -> throw(ball) end)),
             ?assertEqual({error, {exit, bye}}, supervisorring:exec(?SUP, Id, fun() -> exit(bye) end)),
             ?assertEqual({error, {exit, killed}}, supervisorring:exec(?SUP, Id, fun() -> exit(self(), kill) end)),
             ?assertEqual({error, {exit, shutdown}}, supervisorring:exec(?SUP, Id, fun() -> exit(shutdown) end)),
             ?assertEqual(supervisorring:find(?SUP, Id), supervisorring:exec(?SUP, Id, fun erlang:node/0))
         end || Id <- ?IDS]
    end),
    ?assertEqual(Before, processes(Config)).

%% Six of them took the original's supervisor down on every node.
many_that_raise_restart_nothing(Config) ->
    Before = processes(Config),
    on_each(Config, fun() ->
        Callers = [spawn_monitor(fun() -> exit({answer, supervisorring:exec(?SUP, lists:nth(1 + N rem 8, ?IDS), fun() -> error(N) end)}) end)
                   || N <- lists:seq(1, 200)],
        [receive {'DOWN', Monitor, process, _, {answer, Answer}} -> ?assertMatch({error, {exception, N, _}}, Answer) end
         || {{_, Monitor}, N} <- lists:zip(Callers, lists:seq(1, 200))]
    end),
    ?assertEqual(Before, processes(Config)).

%% A cast as the original sends it, by whoever sends it.
what_is_no_function_is_answered(Config) ->
    Before = processes(Config),
    on_each(Config, fun() ->
        [begin
             Ref = make_ref(),
             gen_server:cast('Elixir.ExecSup.ChildManager', {onnode, Id, {self(), Ref}, NoFunction}),
             receive {Ref, executed, Answer} -> ?assertMatch({error, _}, Answer)
             after 10000 -> error({not_answered, NoFunction})
             end
         end || Id <- ?IDS, NoFunction <- [not_a_fun, 17, fun(_One) -> ok end]]
    end),
    ?assertEqual(Before, processes(Config)).
