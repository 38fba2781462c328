%% BEAMs with the real program as members of one ring, with legacy members and without.
%% DROPIN_KILLS=50 is the long form of programs_killed_under_load.
-module(members_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([members_share_children/1, programs_killed_under_load/1, legacy_members_are_replaced_under_load/1,
         an_intensity_that_is_exceeded_ends_it/1, a_node_that_stops_hands_its_children_over/1,
         peers_take_over_when_the_lease_ends/1]).

-import(dropin_kit, [supervisor/1, members/1, members/2, await_up/1, start_mixed/1, await_one_of_each/2,
                     pids/2, lines/2]).
-import(ring_cluster, [in/2, eventually/2, eventually/3, program_pid/0]).

-define(MIXED, 'Elixir.MixedSup').

suite() ->
    [{timetrap, {seconds, 60}}].

all() ->
    [members_share_children, programs_killed_under_load, legacy_members_are_replaced_under_load,
     an_intensity_that_is_exceeded_ends_it, a_node_that_stops_hands_its_children_over,
     peers_take_over_when_the_lease_ends].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

members_share_children(_Config) ->
    [M1 | _] = Members = members(["share1", "share2", "share3"]),
    Nodes = [Node || #{node := Node} <- Members],
    start_mixed(Members),
    await_one_of_each(M1, Members),
    Owners = [in(M, fun() -> [supervisorring:find(?MIXED, Id) || Id <- ?MIXED:ids()] end) || M <- Members],
    ?assertMatch([_], lists:usort(Owners)),
    ?assertEqual(Nodes, lists:usort(hd(Owners))),
    ?assertMatch(#{active := 12}, in(M1, fun() -> supervisorring:count_children(?MIXED) end)),
    [in(Member, fun() ->
         {ok, Pid} = supervisorring:start_child(?MIXED, ?MIXED:counter(Id)),
         ?assertEqual(supervisorring:find(?MIXED, Id), node(Pid)),
         ?assertEqual({error, {already_started, Pid}}, supervisorring:start_child(?MIXED, ?MIXED:counter(Id))),
         ?assertEqual(node(Pid), supervisorring:exec(?MIXED, Id, fun erlang:node/0)),
         ?assertEqual(Pid, supervisorring:whereis_name({?MIXED, Id})),
         ?assertEqual(1, gen_server:call({via, supervisorring, {?MIXED, Id}}, increment)),
         ?assertEqual({error, running}, supervisorring:restart_child(?MIXED, Id)),
         ok = supervisorring:terminate_child(?MIXED, Id),
         {ok, _} = supervisorring:restart_child(?MIXED, Id),
         ok = supervisorring:terminate_child(?MIXED, Id),
         ok = supervisorring:delete_child(?MIXED, Id),
         ?assertEqual([], ?MIXED:get_all())
     end) || Member <- Members, Id <- [x1, x2, x3]],
    %% A client of theirs.
    Client = ring_cluster:start_beam("share_client"),
    ring_cluster:legacy_modules(Client),
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, Nodes),
        [?assertEqual(Owner, supervisorring:exec(?MIXED, Id, fun erlang:node/0))
         || {Id, Owner} <- [{Id, supervisorring:find(?MIXED, Id)} || Id <- [m1, m2, m3, m4]]],
        {ok, Pid} = supervisorring:start_child(?MIXED, 'Elixir.MixedSup':counter(x4)),
        ?assertEqual(Pid, supervisorring:whereis_name({?MIXED, x4})),
        ?assertMatch(#{active := 13}, supervisorring:count_children(?MIXED)),
        ok = supervisorring:terminate_child(?MIXED, x4),
        ok = supervisorring:delete_child(?MIXED, x4)
    end),
    %% A BEAM that dies: the others have its children.
    [_, #{node := N2} = M2, M3] = Members,
    catch in(M3, fun() -> erlang:halt(0) end),
    eventually(fun() -> in(M1, fun() -> ring_view:up(N2) end) end, Nodes -- [maps:get(node, M3)], 10000),
    await_one_of_each(M1, [M1, M2]).

%% 50 and 5 with DROPIN_KILLS=50.
programs_killed_under_load(_Config) ->
    Kills = list_to_integer(os:getenv("DROPIN_KILLS", "6")),
    ct:timetrap({seconds, 60 + 3 * Kills}),
    Legacy = ring_cluster:start_legacy("load1"),
    Members = [Legacy | Dropins] = [Legacy | members(["load2", "load3"], #{join => [maps:get(node, Legacy)]})],
    await_up(Members),
    start_mixed(Members),
    await_one_of_each(Legacy, Members),
    [in(M, fun up_watch:start/0) || M <- Members],
    Before = pids(Legacy, Members),
    Loads = [{M, in(M, fun() -> load:start(?MIXED, ?MIXED:ids(), load_options(M, hd(Dropins))) end)} || M <- Dropins],
    Took = [kill_one(lists:nth(1 + N rem 2, Dropins), Signal)
            || {N, Signal} <- [{N, "KILL"} || N <- lists:seq(1, Kills)]
                                  ++ [{N, "STOP"} || N <- lists:seq(1, max(1, Kills div 10))]],
    timer:sleep(1000),
    Tallies = [in(M, fun() -> load:stop(Pids) end) || {M, Pids} <- Loads],
    ct:pal("ms from kill to ready: ~p~n~p", [Took, Tallies]),
    ?assertEqual([[], [], []], [in(M, fun up_watch:gone/0) || M <- Members]),
    ?assertEqual(Before, pids(Legacy, Members)),
    [?assertEqual(#{}, Failed) || #{failed := Failed} <- Tallies].

load_options(Member, Member) -> #{readers => 4, changing => fun 'Elixir.MixedSup':counter/1};
load_options(_Member, _First) -> #{readers => 4}.

kill_one(Beam, Signal) ->
    in(Beam, fun() ->
        #{generation := Before} = supervisorring_port:program(),
        Since = erlang:monotonic_time(millisecond),
        os:cmd("kill -" ++ Signal ++ " " ++ program_pid()),
        soon(fun() ->
                 #{generation := Generation, ready := Ready} = supervisorring_port:program(),
                 Ready andalso Generation > Before
             end),
        Took = erlang:monotonic_time(millisecond) - Since,
        %% Three lives of less than a second would delay the next one.
        timer:sleep(700),
        Took
    end).

soon(Fun) ->
    Fun() orelse begin timer:sleep(2), soon(Fun) end.

legacy_members_are_replaced_under_load(_Config) ->
    Names = ["roll1", "roll2", "roll3"],
    [L1, L2, L3] = Legacies = [ring_cluster:start_legacy(Name, [ring_cluster:node_name(hd(Names)) || Name =/= hd(Names)])
                               || Name <- Names],
    await_up(Legacies),
    start_mixed(Legacies),
    await_one_of_each(L1, Legacies),
    Ids = in(L1, fun() -> ?MIXED:ids() end),
    Owners = in(L1, fun() -> [supervisorring:find(?MIXED, Id) || Id <- Ids] end),
    Replaced = lists:foldl(fun(Name, Members) -> replace(Name, Members, Owners) end,
                           maps:from_list(lists:zip(Names, [L1, L2, L3])), Names),
    Members = maps:values(Replaced),
    await_one_of_each(hd(Members), Members),
    ?assertEqual([Owners, Owners, Owners],
                 [in(M, fun() -> [supervisorring:find(?MIXED, Id) || Id <- Ids] end) || M <- Members]).

%% One member stops and comes back as ours. Its children run elsewhere meanwhile and bring their
%% state home; nobody else's move.
replace(Name, Members, Owners) ->
    Old = maps:get(Name, Members),
    [Other | _] = Others = maps:values(maps:remove(Name, Members)),
    OldNode = maps:get(node, Old),
    Staying = [{Id, Pid} || {Id, Pid} <- pids(Other, maps:values(Members)), node(Pid) =/= OldNode],
    Load = in(Other, fun() -> load:start(?MIXED, ?MIXED:ids(), #{readers => 4}) end),
    timer:sleep(300),
    ring_cluster:stop_beam(Old),
    await_one_of_each(Other, Others),
    Moved = in(Other, fun() -> ?MIXED:ids() end) -- [Id || {Id, _} <- Staying],
    [in(Other, fun() -> gen_server:cast({Id, supervisorring:find(?MIXED, Id)}, {set, 7}) end) || Id <- Moved],
    New = ring_cluster:start_dropin(Name, #{}),
    ring_cluster:legacy_modules(New),
    %% In a release other applications start before the one with the supervisor. A legacy member would end a child that belongs
    %% where its supervisor does not run yet: the program joins when it does.
    timer:sleep(500),
    {ok, _} = in(New, fun() -> ?MIXED:start() end),
    await_up([New | Others]),
    await_one_of_each(New, [New | Others]),
    ?assertEqual(Owners, in(New, fun() -> [supervisorring:find(?MIXED, Id) || Id <- ?MIXED:ids()] end)),
    ?assertEqual([7 || _ <- Moved], in(New, fun() -> [gen_server:call(Id, get) || Id <- Moved] end)),
    ?assertEqual(Staying, [{Id, Pid} || {Id, Pid} <- pids(Other, [New | Others]), not lists:member(Id, Moved)]),
    timer:sleep(300),
    ct:pal("~s replaced: ~p", [Name, in(Other, fun() -> load:stop(Load) end)]),
    Members#{Name := New}.

%% More than ten restarts within five seconds, three times: then it ends on the other member too.
an_intensity_that_is_exceeded_ends_it(_Config) ->
    [One, Two] = Members = members(["give1", "give2"]),
    Specs = [beam_child:spec(Id) || Id <- [a, b, c, d, e, f]],
    Globals = [in(M, fun() -> {ok, G} = supervisor(Specs), unlink(G), G end) || M <- Members],
    Ids = [a, b, c, d, e, f],
    Mine = eventually_value(fun() -> in(One, fun() -> [Id || Id <- Ids, whereis(Id) =/= undefined] end) end, 5000),
    Reason = in(One, fun() ->
        Monitor = monitor(process, hd(Globals)),
        crash_until_down(hd(Mine), Monitor)
    end),
    ?assertEqual(shutdown, Reason),
    eventually(fun() -> in(Two, fun() -> whereis('Elixir.BeamSup.GlobalSup') end) end, undefined, 10000).

eventually_value(Fun, TimeoutMs) ->
    eventually(fun() -> Fun() =/= [] end, TimeoutMs),
    timer:sleep(500),
    Fun().

crash_until_down(Id, Monitor) ->
    catch exit(whereis(Id), kill),
    receive {'DOWN', Monitor, process, _, Reason} -> Reason
    after 5 -> crash_until_down(Id, Monitor)
    end.

%% The children of a node that stops as a release does, tree by tree.
a_node_that_stops_hands_its_children_over(_Config) ->
    [One, #{node := N2} = Two] = Members = members(["stop1", "stop2"]),
    _ = file:delete(ring_cluster:children_file()),
    [ok = in(M, fun() -> user_app:launch(?MIXED) end) || M <- Members],
    await_one_of_each(One, Members),
    Held = in(One, fun() ->
        Held = [Id || Id <- ?MIXED:ids(), is_pid(whereis(Id))],
        [gen_server:cast(Id, {set, 7}) || Id <- Held],
        Held
    end),
    ?assertNotEqual([], Held),
    in(Two, fun up_watch:start/0),
    ok = in(One, fun() -> init:stop() end),
    eventually(fun() -> in(Two, fun() -> [catch gen_server:call(Id, get) || Id <- Held] end) end,
               [7 || _ <- Held], 10000),
    %% The children are over before it says that it leaves.
    eventually(fun() -> in(Two, fun() -> ring_view:up(N2) end) end, [N2], 10000).

peers_take_over_when_the_lease_ends(_Config) ->
    [One, #{node := N2} = Two] = Members = members(["lease1", "lease2"], #{lease_ms => 1500}),
    start_mixed(Members),
    await_one_of_each(One, Members),
    Held = in(One, fun() ->
        application:set_env(supervisorring, program, "/no/such/program"),
        os:cmd("kill -KILL " ++ program_pid()),
        [Id || Id <- ?MIXED:ids(), is_pid(whereis(Id))]
    end),
    ?assertNotEqual([], Held),
    eventually(fun() -> in(One, fun() -> [Id || Id <- Held, is_pid(whereis(Id))] end) end, [], 5000),
    eventually(fun() -> in(Two, fun() -> ring_view:up(N2) end) end, [N2], 15000),
    eventually(fun() -> in(Two, fun() -> [Id || Id <- Held, not is_pid(whereis(Id))] end) end, [], 15000),
    ?assertMatch([_], lines(One, "the lease has ended")),
    %% The program is back: its children come home.
    Program = ring_cluster:executable(),
    in(One, fun() -> application:set_env(supervisorring, program, Program) end),
    eventually(fun() -> in(One, fun() -> [Id || Id <- Held, not is_pid(whereis(Id))] end) end, [], 20000),
    await_one_of_each(One, Members).
