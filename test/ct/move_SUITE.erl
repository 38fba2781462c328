%% A fault at each step of a move between BEAMs: the child ends up running once, with its state
%% where a live copy had it, and a move that failed is tried again and seen in status.
%%
%% One member runs all children, with counts that tell them apart; another one joins, and what the
%% ring gives to it moves. fault/1 of move_child says what goes wrong, and on which node.
%% Moves of children in C++: sup_child_moves_test.cpp, sup_cluster_*_test.cpp, the stories.
-module(move_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([the_start_fails/1, the_start_never_answers/1, the_target_dies_before_its_start_answers/1,
         the_module_is_missing_there/1, migrate_raises/1, migrate_hangs/1, migrate_does_not_exist/1,
         the_target_dies_during_migrate/1, the_source_dies_during_migrate/1,
         the_program_of_the_source_dies_during_migrate/1, the_program_of_the_target_dies_during_migrate/1,
         the_old_copy_ends_slowly/1, the_target_leaves_half_way/1, a_third_member_joins_half_way/1,
         calls_are_waited_for/1, a_call_that_is_never_answered_is_not/1,
         a_legacy_member_gets_it_without_state_when_migrate_raises/1, to_a_legacy_member_and_back/1,
         a_legacy_member_dies_during_migrate/1,
         a_legacy_member_that_gives_it_away_dies_before_migrate/1, a_legacy_member_that_gives_it_away_dies_during_migrate/1,
         a_legacy_member_that_gives_it_away_dies_before_its_copy_ends/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, move_sup).
-define(IDS, move_child:ids(8)).
-define(LEGACY_MANAGER, 'move_sup.ChildManager').
-define(LEGACY, [a_legacy_member_gets_it_without_state_when_migrate_raises, to_a_legacy_member_and_back,
                 a_legacy_member_dies_during_migrate]).
-define(FROM_LEGACY, [a_legacy_member_that_gives_it_away_dies_before_migrate, a_legacy_member_that_gives_it_away_dies_during_migrate,
                      a_legacy_member_that_gives_it_away_dies_before_its_copy_ends]).

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [the_start_fails, the_start_never_answers, the_target_dies_before_its_start_answers,
     the_module_is_missing_there, migrate_raises, migrate_hangs, migrate_does_not_exist,
     the_target_dies_during_migrate, the_source_dies_during_migrate,
     the_program_of_the_source_dies_during_migrate, the_program_of_the_target_dies_during_migrate,
     the_old_copy_ends_slowly, the_target_leaves_half_way, a_third_member_joins_half_way,
     calls_are_waited_for, a_call_that_is_never_answered_is_not | ?LEGACY ++ ?FROM_LEGACY].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(Case, Config) ->
    With = dropin_kit:begin_case(Config),
    case lists:member(Case, ?FROM_LEGACY) of
        true -> from_legacy(With);
        false -> from_ours(Case, With)
    end.

%% A legacy member runs them all; it gives none away before the target runs the supervisor, and joins.
from_legacy(With) ->
    file:del_dir_r(ring_cluster:data_dir("legacy")),
    Legacy = ring_cluster:start_legacy("legacy"),
    run(Legacy),
    in(Legacy, fun() -> [ok = gen_server:call(Id, {take, state(Id)}) || Id <- ?IDS] end),
    [{legacy, Legacy}, {target, target(Legacy, #{})} | With].

from_ours(Case, With) ->
    Env = #{migrate_timeout_ms => 4000},
    [Source] = dropin_kit:members(["source"], Env),
    run(Source),
    await_once([Source]),
    in(Source, fun() -> [ok = supervisorring:call(?SUP, Id, {take, state(Id)}) || Id <- ?IDS] end),
    [{source, Source} | [{target, target(Source, Env)} || not lists:member(Case, ?LEGACY)]] ++ With.

%% A member that does not run the supervisor yet.
target(#{node := First}, Env) ->
    file:del_dir_r(ring_cluster:data_dir("target")),
    Target = ring_cluster:start_dropin("target", Env#{join => [First]}),
    eventually(fun() -> in(Target, fun ring_cluster:is_ready/0) end, 10000),
    Target.

end_per_testcase(_Case, Config) ->
    [dropin_kit:log_lines(Which, Beam) || {Which, Beam} <- Config, Which =:= source orelse Which =:= target],
    dropin_kit:end_case(Config).

%% Before the target has the child

the_start_fails(Config) ->
    {Source, Target, Moving} = begin_move(Config, target, start_fails),
    await_pending(Source, Moving, <<"no_start_today">>),
    await_retry(Source, hd(Moving)),
    await_states([Source]),
    fault(Target, none),
    await_moved(Source, Target).

%% Calls go on meanwhile; a target that has hung for good and ends changes nothing.
the_start_never_answers(Config) ->
    {Source, Target, Moving} = begin_move(Config, target, start_hangs),
    eventually(fun() -> moving(Source) > 0 end, 5000),
    ?assertEqual([Id || Id <- Moving], in(Source, fun() -> [Id || Id <- Moving, supervisorring:call(?SUP, Id, increment, 1000) > 0] end)),
    await_counts([Source], Moving, 1),
    crash(Target),
    await_counts([Source], Moving, 1).

the_target_dies_before_its_start_answers(Config) ->
    {Source, Target, _Moving} = begin_move(Config, target, start_hangs),
    eventually(fun() -> moving(Source) > 0 end, 5000),
    crash(Target),
    await_states([Source]).

the_module_is_missing_there(Config) ->
    {Source, Target, Moving} = begin_move(Config, target, no_module),
    await_pending(Source, Moving, <<"undef">>),
    await_states([Source]),
    in(Target, fun move_child:load_start/0),
    await_moved(Source, Target).

%% migrate/3

migrate_raises(Config) ->
    {Source, Target, Moving} = begin_move(Config, source, raise),
    await_pending(Source, Moving, <<"no_migration_today">>),
    await_retry(Source, hd(Moving)),
    await_states([Source, Target]),
    in(Target, fun() -> [supervisorring:call(?SUP, Id, increment) || Id <- Moving] end),
    await_counts([Source], Moving, 1),
    fault(Source, none),
    await_once([Source, Target]),
    await_counts([Source, Target], Moving, 1).

migrate_hangs(Config) ->
    {Source, Target, Moving} = begin_move(Config, source, {hang, 60000}),
    await_pending(Source, Moving, <<"timeout">>),
    fault(Source, none),
    await_moved(Source, Target).

%% Of a supervisor's module without it there is no state to carry.
migrate_does_not_exist(Config) ->
    #{source := Source, target := Target} = maps:from_list(Config),
    Specs = {specs, [move_child:spec(Id) || Id <- [q1, q2, q3, q4, q5, q6]]},
    Start = fun() -> {ok, Pid} = supervisorring:start_link({local, quiet_sup}, quiet_sup, Specs), unlink(Pid), ok end,
    [ok = in(M, fun() -> load_quiet_sup(), Start() end) || M <- [Source, Target]],
    dropin_kit:await_up([Source, Target]),
    eventually(fun() -> lists:sort(running(quiet_sup, [Source, Target])) =:=
                            in(Source, fun() -> lists:sort([{Id, supervisorring:find(quiet_sup, Id)} || Id <- [q1, q2, q3, q4, q5, q6]]) end) end, 20000).

load_quiet_sup() ->
    move_child:load_start(),
    move_child:load(["-module(quiet_sup).", "-export([init/1]).", "init(Arg) -> move_child:init(Arg)."]).

the_target_dies_during_migrate(Config) ->
    {Source, Target, {Id, Migrating}} = begin_migrate(Config),
    Caller = call_in_background(Source, Id),
    crash(Target),
    go(Source, Migrating),
    ?assertEqual(number(Id) + 1, answer(Source, Caller)),
    await_counts([Source], [Id], 1).

%% Its state is lost with it, but for what had been carried.
the_source_dies_during_migrate(Config) ->
    {Source, Target, {Id, _Migrating}} = begin_migrate(Config),
    Caller = call_in_background(Target, Id),
    crash(Source),
    ?assertEqual(1, answer(Target, Caller)),
    eventually(fun() -> where([Target]) end, lists:sort([{I, maps:get(node, Target)} || I <- ?IDS]), 20000).

%% The children run on; the next program moves them.
the_program_of_the_source_dies_during_migrate(Config) ->
    {Source, Target, {Id, _Migrating}} = begin_migrate(Config),
    Caller = call_in_background(Source, Id),
    Other = call_in_background(Target, Id),
    fault(Source, none),
    in(Source, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
    ?assertEqual([number(Id) + 1, number(Id) + 2], lists:sort([answer(Source, Caller), answer(Target, Other)])),
    await_once([Source, Target]),
    await_counts([Source, Target], [Id], 2).

the_program_of_the_target_dies_during_migrate(Config) ->
    {Source, Target, {Id, Migrating}} = begin_migrate(Config),
    Callers = [{Source, call_in_background(Source, Id)}, {Target, call_in_background(Target, Id)}],
    in(Target, fun() -> os:cmd("kill -KILL " ++ ring_cluster:program_pid()) end),
    eventually(fun() -> in(Target, fun ring_cluster:is_ready/0) end, 10000),
    go(Source, Migrating),
    ?assertEqual([number(Id) + 1, number(Id) + 2], lists:sort([answer(M, Caller) || {M, Caller} <- Callers])),
    await_once([Source, Target]),
    await_counts([Source, Target], [Id], 2).

%% After migrate/3

%% Longer than its shutdown time: it is killed; nobody waits for that.
the_old_copy_ends_slowly(Config) ->
    {Source, Target, Moving} = begin_move(Config, source, {slow_end, 60000}),
    Callers = [call_in_background(Source, Id) || Id <- Moving],
    ?assertEqual([number(Id) + 1 || Id <- Moving], [answer(Source, Caller) || Caller <- Callers]),
    await_once([Source, Target]),
    await_counts([Source, Target], Moving, 1).

%% The ring changes half-way

the_target_leaves_half_way(Config) ->
    {Source, Target, {Id, Migrating}} = begin_migrate(Config),
    fault(Source, none),
    Caller = call_in_background(Source, Id),
    Leaver = in(Target, fun() -> spawn(fun() -> supervisorring:leave() end) end),
    eventually(fun() -> in(Source, fun() -> supervisorring:find(?SUP, Id) end) end, maps:get(node, Source), 10000),
    go(Source, Migrating),
    ?assertEqual(number(Id) + 1, answer(Source, Caller)),
    eventually(fun() -> in(Target, fun() -> is_process_alive(Leaver) end) end, false, 40000),
    await_counts([Source], [Id], 1).

a_third_member_joins_half_way(Config) ->
    {Source, Target, {Id, Migrating}} = begin_migrate(Config),
    fault(Source, none),
    Caller = call_in_background(Source, Id),
    file:del_dir_r(ring_cluster:data_dir("third")),
    Third = ring_cluster:start_dropin("third", #{join => [maps:get(node, Source)]}),
    eventually(fun() -> in(Third, fun ring_cluster:is_ready/0) end, 10000),
    run(Third),
    dropin_kit:await_up([Source, Target, Third]),
    go(Source, Migrating),
    ?assertEqual(number(Id) + 1, answer(Source, Caller)),
    await_once([Source, Target, Third]),
    await_counts([Source, Target, Third], [Id], 1).

%% Open calls

calls_are_waited_for(Config) ->
    #{source := Source, target := Target} = maps:from_list(Config),
    Moving = would_move(Source, Target),
    Callers = [{Id, call_in_background(Source, Id, {increment_slowly, 1500})} || Id <- Moving],
    run(Target),
    ?assertEqual([number(Id) + 1 || Id <- Moving], [answer(Source, Caller) || {_, Caller} <- Callers]),
    await_once([Source, Target]),
    await_counts([Source, Target], Moving, 1).

%% For as long as migrate/3 may take (4 s here): then the child moves, and the call ends with the old copy.
a_call_that_is_never_answered_is_not(Config) ->
    #{source := Source, target := Target} = maps:from_list(Config),
    [Id | _] = would_move(Source, Target),
    Open = in(Source, fun() -> spawn_monitored(fun() -> supervisorring:call(?SUP, Id, never_answered, infinity) end) end),
    run(Target),
    ?assertMatch({'EXIT', {shutdown, {supervisorring, call, [?SUP, Id, never_answered, infinity]}}}, answer(Source, Open)),
    await_moved(Source, Target).

%% Legacy members

%% The new owner would start one of its own: without its state, as with the original.
a_legacy_member_gets_it_without_state_when_migrate_raises(Config) ->
    Source = proplists:get_value(source, Config),
    fault(Source, raise),
    Legacy = join_legacy(Source),
    Moving = moving_to(Source, Legacy),
    await_once([Source, Legacy]),
    ?assertEqual([case lists:member(Id, Moving) of true -> 0; false -> number(Id) end || Id <- ?IDS],
                 in(Source, fun() -> [Count || {_, #{count := Count}} <- move_child:tallies(?SUP, ?IDS)] end)).

%% What was called meanwhile is answered by the new copy; and home again it brings the count.
to_a_legacy_member_and_back(Config) ->
    {Source, Legacy, {Id, Migrating}} = begin_migrate(Config, fun join_legacy/1),
    fault(Source, none),
    Caller = call_in_background(Source, Id),
    go(Source, Migrating),
    ?assertEqual(number(Id) + 1, answer(Source, Caller)),
    await_once([Source, Legacy]),
    await_counts([Source, Legacy], [Id], 1).

a_legacy_member_dies_during_migrate(Config) ->
    {Source, Legacy, {Id, Migrating}} = begin_migrate(Config, fun join_legacy/1),
    Caller = call_in_background(Source, Id),
    crash(Legacy),
    go(Source, Migrating),
    ?assertEqual(number(Id) + 1, answer(Source, Caller)),
    await_counts([Source], [Id], 1).

%% Nobody else knows the states that it did not hand over: those children start anew, each once.

a_legacy_member_that_gives_it_away_dies_before_migrate(Config) ->
    #{legacy := Legacy, target := Target} = maps:from_list(Config),
    Teller = tells(Target, tell_start),
    run_in_background(Target),
    _ = told(Target, Teller),
    eventually(fun() -> is_giving_away(Legacy) end, 20000),
    crash(Legacy),
    go(Target, {Teller, none}),
    await_all_on(Target),
    ?assertEqual([{Id, 0} || Id <- ?IDS], counts(Target)).

a_legacy_member_that_gives_it_away_dies_during_migrate(Config) ->
    #{legacy := Legacy, target := Target} = maps:from_list(Config),
    Teller = tells(Legacy, tell),
    run_in_background(Target),
    _ = told(Legacy, Teller),
    crash(Legacy),
    await_all_on(Target),
    ?assertEqual([{Id, 0} || Id <- ?IDS], counts(Target)).

a_legacy_member_that_gives_it_away_dies_before_its_copy_ends(Config) ->
    #{legacy := Legacy, target := Target} = maps:from_list(Config),
    Teller = tells(Legacy, tell_end),
    run_in_background(Target),
    Id = told(Legacy, Teller),
    crash(Legacy),
    await_all_on(Target),
    ?assertEqual({Id, number(Id)}, lists:keyfind(Id, 1, counts(Target))).

%% What the cases are made of

%% Sets that fault there: a process is told which child it is about.
tells(Member, Fault) ->
    Teller = in(Member, fun() -> spawn(fun() -> tell_of_migrations([]) end) end),
    fault(Member, {Fault, Teller}),
    Teller.

%% The first child.
told(Member, Teller) ->
    eventually(fun() -> in(Member, fun() -> migrations(Teller) end) =/= [] end, 20000),
    [{Id, _} | _] = in(Member, fun() -> migrations(Teller) end),
    Id.

%% Its child manager waits for a start.
is_giving_away(Legacy) ->
    in(Legacy, fun() ->
        {current_stacktrace, Stack} = process_info(whereis(?LEGACY_MANAGER), current_stacktrace),
        lists:any(fun(Module) -> lists:keymember(Module, 1, Stack) end, [rpc, erpc])
    end).

await_all_on(#{node := Node} = Member) ->
    eventually(fun() -> where([Member]) end, lists:sort([{Id, Node} || Id <- ?IDS]), 30000).

counts(Member) ->
    in(Member, fun() -> [{Id, Count} || {Id, #{count := Count}} <- move_child:tallies(?SUP, ?IDS)] end).

run_in_background(Member) ->
    in(Member, fun() -> spawn(fun() -> move_child:start(?SUP, ?IDS) end) end),
    ok.

run(Member) ->
    {ok, _} = in(Member, fun() -> move_child:start(?SUP, ?IDS) end).

fault(Member, Fault) ->
    in(Member, fun() -> move_child:fault(Fault) end).

crash(Member) ->
    catch in(Member, fun() -> os:cmd("kill -KILL " ++ os:getpid()) end).

state(Id) ->
    #{id => Id, count => number(Id), casts => #{}, disorder => []}.

number(Id) ->
    "k" ++ Number = atom_to_list(Id),
    100 * list_to_integer(Number).

%% The other member joins while there is that fault on one of them.
begin_move(Config, Where, Fault) ->
    #{source := Source, target := Target} = maps:from_list(Config),
    fault(case Where of source -> Source; target -> Target end, Fault),
    run(Target),
    dropin_kit:await_up([Source, Target]),
    {Source, Target, moving_to(Source, Target)}.

%% The same up to migrate/3 of one child, which waits to be told to go on; others are held up as well.
begin_migrate(Config) ->
    begin_migrate(Config, fun(_Source) ->
        Target = proplists:get_value(target, Config),
        %% It returns when the children have come, or after a while.
        run_in_background(Target),
        Target
    end).

begin_migrate(Config, Join) ->
    Source = proplists:get_value(source, Config),
    Teller = in(Source, fun() -> spawn(fun() -> tell_of_migrations([]) end) end),
    fault(Source, {tell, Teller}),
    Target = Join(Source),
    eventually(fun() -> in(Source, fun() -> length(migrations(Teller)) end) > 0 end, 20000),
    [{Id, Pid} | _] = in(Source, fun() -> migrations(Teller) end),
    {Source, Target, {Id, {Teller, Pid}}}.

join_legacy(#{node := First} = Source) ->
    file:del_dir_r(ring_cluster:data_dir("legacy")),
    #{node := Node} = Legacy = ring_cluster:start_legacy("legacy", [First]),
    eventually(fun() -> in(Source, fun() -> lists:member(Node, ring_view:up(node())) end) end, 15000),
    eventually(fun() -> in(Legacy, fun() -> lists:member(First, ring_view:up(node())) end) end, 15000),
    run(Legacy),
    Legacy.

tell_of_migrations(Seen) ->
    receive
        {migrating, Pid, Old, _New} ->
            {registered_name, Id} = process_info(Old, registered_name),
            tell_of_migrations([{Id, Pid} | Seen]);
        {What, Id} when What =:= starting; What =:= ending -> tell_of_migrations([{Id, none} | Seen]);
        {seen, From} -> From ! {seen, lists:reverse(Seen)}, tell_of_migrations(Seen)
    end.

migrations(Teller) ->
    Teller ! {seen, self()},
    receive {seen, Seen} -> Seen end.

%% All of them, those to come as well.
go(Source, {Teller, _Pid}) ->
    in(Source, fun() -> exit(Teller, kill) end).

call_in_background(Member, Id) ->
    call_in_background(Member, Id, increment).

call_in_background(Member, Id, Request) ->
    in(Member, fun() -> spawn_monitored(fun() -> supervisorring:call(?SUP, Id, Request, 30000) end) end).

spawn_monitored(Fun) ->
    spawn(fun() ->
        Answer = (catch Fun()),
        receive {answer, From} -> From ! {answer, Answer} end
    end).

answer(Member, Caller) ->
    in(Member, fun() ->
        Caller ! {answer, self()},
        receive {answer, Answer} -> Answer after 40000 -> error(no_answer) end
    end).

owners(Member) ->
    in(Member, fun() -> lists:sort([{Id, supervisorring:find(?SUP, Id)} || Id <- ?IDS]) end).

moving_to(Asked, #{node := Target}) ->
    Moving = [Id || {Id, Owner} <- owners(Asked), Owner =:= Target],
    ?assertNotEqual([], Moving),
    Moving.

%% By the plan, before it is up.
would_move(Source, #{node := Target}) ->
    in(Source, fun() ->
        #{supervisors := [#{moves_between := Moves}]} = supervisorring:plan([{with, Target}]),
        lists:append([Ids || #{to := To, ids := Ids} <- Moves, To =:= Target])
    end).

running(Sup, Members) ->
    lists:append([in(M, fun() -> [{Id, node(Pid)} || {Id, Pid, _, _} <- supervisor:which_children(Sup), is_pid(Pid)] end) || M <- Members]).

where(Members) ->
    lists:sort(running(?SUP, Members)).

moving(Member) ->
    in(Member, fun() -> #{supervisors := [#{moving := Moving}]} = supervisorring:status(), Moving end).

%% Each child runs once, where it belongs when it can be moved.
await_once([Asked | _] = Members) ->
    eventually(fun() ->
        {Where, Owners} = {where(Members), owners(Asked)},
        {Where -- Owners, Owners -- Where}
    end, {[], []}, 40000).

await_moved(Source, Target) ->
    await_once([Source, Target]),
    await_states([Source, Target]).

await_states(Members) ->
    await_counts(Members, [], 0).

%% Each child runs once, and its state is what it was set to, and More for these.
await_counts([Asked | _] = Members, Ids, More) ->
    eventually(fun() -> [Id || {Id, _} <- where(Members)] end, lists:sort(?IDS), 30000),
    ?assertEqual([{Id, number(Id) + case lists:member(Id, Ids) of true -> More; false -> 0 end} || Id <- ?IDS],
                 counts(Asked)).

%% Status and explain name the reason, and when it is tried again.
await_pending(Source, Moving, Reason) ->
    eventually(fun() -> in(Source, fun() ->
        #{supervisors := [#{pending := Pending}]} = supervisorring:status(),
        lists:any(fun({Id, What}) -> lists:member(Id, Moving) andalso binary:match(What, Reason) =/= nomatch end,
                  Pending)
    end) end, 20000).

%% The pauses grow.
await_retry(Source, Id) ->
    eventually(fun() -> in(Source, fun() ->
        case supervisorring:explain(?SUP, Id) of
            #{next_try_ms := Ms} when is_integer(Ms) -> Ms > 500;
            _ -> false
        end
    end) end, 30000).
