%% The application on a BEAM that has no program of its own: a client of the members.
-module(shim_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([the_api_answers_with_its_shapes/1, a_child_is_reached_by_its_via_name/1,
         a_killed_member_is_passed_over/1, a_member_without_the_supervisor_is_passed_over/1]).
-export([the_application_starts/1, without_members_the_call_says_so/1,
         unreachable_members_are_named/1, the_member_that_answered_is_asked_first/1,
         a_silent_member_is_passed_over_for_a_question/1,
         a_change_is_not_repeated_when_it_may_have_been_done/1,
         what_the_member_raises_is_raised/1, names_are_not_registered/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, 'Elixir.MySup').

all() ->
    [{group, fake_members}, {group, programs}].

groups() ->
    [{fake_members, [], fake_member_cases()},
     {programs, [], [the_api_answers_with_its_shapes, a_child_is_reached_by_its_via_name,
                     a_killed_member_is_passed_over,
                     a_member_without_the_supervisor_is_passed_over]}].

fake_member_cases() ->
    [the_application_starts, without_members_the_call_says_so, unreachable_members_are_named,
     the_member_that_answered_is_asked_first, a_silent_member_is_passed_over_for_a_question,
     a_change_is_not_repeated_when_it_may_have_been_done, what_the_member_raises_is_raised,
     names_are_not_registered].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

init_per_testcase(Case, Config0) ->
    Suffix = "_" ++ integer_to_list(erlang:unique_integer([positive])),
    Config1 = [{mark, ring_cluster:mark()}, {suffix, Suffix} | Config0],
    Config = [{client, ring_cluster:start_beam("client" ++ Suffix)} | Config1],
    case lists:member(Case, fake_member_cases()) of
        true -> Config;
        false -> two_programs(Config)
    end.

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

%% The client is also the node that the supervisor is read from.
two_programs(Config) ->
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["cpp1", "cpp2"]],
    #{node := Client} = proplists:get_value(client, Config),
    Sup = ["--supervisor", "'Elixir.MySup'=my_sup@" ++ atom_to_list(Client)],
    C1 = ring_cluster:start_ringnode("cpp1", Sup),
    C2 = ring_cluster:start_ringnode("cpp2", ["--join", atom_to_list(maps:get(node, C1)) | Sup]),
    Nodes = [Node || #{node := Node} <- [C1, C2]],
    members(Config, Nodes),
    [eventually(fun() -> on_client(Config, fun() -> ring_view:up(Node) end) end, Nodes, 20000)
     || Node <- Nodes],
    await_counters(Config),
    [{programs, [C1, C2]} | Config].

%% Each counter answers on its owner: none is on its way there any more.
await_counters(Config) ->
    eventually(fun() -> on_client(Config, fun() ->
                   [gen_server:call({Id, supervisorring:find(?SUP, Id)}, get) || Id <- my_sup:ids()],
                   ok
               end) end, ok, 20000).

%% With real programs

the_api_answers_with_its_shapes(Config) ->
    Nodes = nodes_of(Config),
    on_client(Config, fun() ->
        Owner = supervisorring:find(?SUP, c1),
        ?assert(lists:member(Owner, Nodes)),
        ?assertEqual(1, gen_server:call({c1, Owner}, increment)),
        ?assertEqual({error, {no_beam, Owner}}, supervisorring:exec(?SUP, c1, fun erlang:node/0)),
        ?assertEqual({error, {no_beam, Owner}}, supervisorring:exec(?SUP, c1, fun erlang:node/0, 5000)),
        ?assertEqual({error, {no_beam, Owner}}, supervisorring:exec(?SUP, c1, fun erlang:node/0, 5000, 1)),
        ?assertEqual({error, no_program}, supervisorring:start_link({local, ?SUP}, my_sup, [])),

        {ok, Pid} = supervisorring:start_child(?SUP, my_sup:counter(extra)),
        ?assertEqual([my_sup:counter(extra)], my_sup:get_all()),
        ?assertEqual(supervisorring:find(?SUP, extra), node(Pid)),
        ?assertEqual({error, {already_started, Pid}},
                     supervisorring:start_child(?SUP, my_sup:counter(extra))),
        ?assertEqual({error, {cannot_match_handler, unmatched}},
                     supervisorring:start_child(?SUP, my_sup:counter(unmatched))),
        ok = supervisorring:terminate_child(?SUP, extra),
        {ok, Again} = supervisorring:restart_child(?SUP, extra),
        ?assertNotEqual(Pid, Again),
        ?assertEqual({error, running}, supervisorring:delete_child(?SUP, extra)),
        ?assertMatch({extra, Again, worker, ['Elixir.Counter']},
                     lists:keyfind(extra, 1, supervisorring:which_children(?SUP))),
        ok = supervisorring:terminate_child(?SUP, extra),
        ok = supervisorring:delete_child(?SUP, extra),
        ?assertEqual([], my_sup:get_all()),
        ?assertEqual({error, not_found}, supervisorring:terminate_child(?SUP, extra)),
        ?assertMatch(#{specs := _, active := _, supervisors := 0, workers := _},
                     supervisorring:count_children(?SUP))
    end).

a_child_is_reached_by_its_via_name(Config) ->
    on_client(Config, fun() ->
        Name = {via, supervisorring, {?SUP, c1}},
        ?assertEqual(1, gen_server:call(Name, increment)),
        Pid = supervisorring:whereis_name({?SUP, c1}),
        ?assertEqual(supervisorring:find(?SUP, c1), node(Pid)),
        ok = gen_server:cast(Name, increment),
        ?assertEqual(2, gen_server:call(Name, get)),
        ?assertEqual(Pid, supervisorring:send({?SUP, c1}, {'$gen_cast', {set, 7}})),
        ?assertEqual(7, gen_server:call(Name, get)),
        Missing = {?SUP, no_such_child},
        ?assertEqual(undefined, supervisorring:whereis_name(Missing)),
        ?assertExit({noproc, _}, gen_server:call({via, supervisorring, Missing}, get)),
        ?assertExit({badarg, {Missing, hello}}, supervisorring:send(Missing, hello))
    end).

a_killed_member_is_passed_over(Config) ->
    [C1, #{node := N2}] = proplists:get_value(programs, Config),
    on_client(Config, fun() -> supervisorring:find(?SUP, c1) end),
    ring_cluster:kill(C1),
    eventually(fun() -> on_client(Config, fun() ->
                   lists:usort([supervisorring:find(?SUP, Id) || Id <- my_sup:ids()])
               end) end, [N2], 20000),
    await_counters(Config).

a_member_without_the_supervisor_is_passed_over(Config) ->
    [N1 | _] = nodes_of(Config),
    #{node := Other} = ring_cluster:start_ringnode("other" ++ proplists:get_value(suffix, Config)),
    members(Config, [Other, N1]),
    on_client(Config, fun() ->
        ?assertMatch([_, _ | _], lists:usort([supervisorring:find(?SUP, Id) || Id <- lists:seq(1, 100)])),
        ?assertExit({noproc, {supervisorring, find, ['Elixir.NoSuchSup', c1]}},
                    supervisorring:find('Elixir.NoSuchSup', c1))
    end).

%% With BEAM nodes that answer as the case wants

the_application_starts(Config) ->
    members(Config, ['nobody@127.0.0.1']),
    on_client(Config, fun() ->
        {ok, _} = application:ensure_all_started(supervisorring),
        ?assertEqual([], supervisor:which_children(supervisorring_sup)),
        ?assertEqual({error, no_program}, supervisorring:start_link({local, ?SUP}, my_sup, []))
    end).

without_members_the_call_says_so(Config) ->
    on_client(Config, fun() ->
        ?assertExit({{no_member, []}, {supervisorring, find, [?SUP, c1]}},
                    supervisorring:find(?SUP, c1)),
        ?assertExit({{no_member, []}, _}, supervisorring:start_child(?SUP, my_sup:counter(c1)))
    end).

unreachable_members_are_named(Config) ->
    members(Config, ['nobody1@127.0.0.1', 'nobody2@127.0.0.1']),
    on_client(Config, fun() ->
        Reason = {no_member, [{'nobody1@127.0.0.1', nodedown}, {'nobody2@127.0.0.1', nodedown}]},
        ?assertExit({Reason, {supervisorring, find, [?SUP, c1]}}, supervisorring:find(?SUP, c1)),
        ?assertExit({Reason, _}, supervisorring:delete_child(?SUP, c1)),
        ?assertExit({{Reason, _}, _}, gen_server:call({via, supervisorring, {?SUP, c1}}, get))
    end).

the_member_that_answered_is_asked_first(Config) ->
    One = fake("one", "find(_, _) -> one.", Config),
    Two = fake("two", "find(_, _) -> two.", Config),
    members(Config, ['nobody@127.0.0.1', Two, One]),
    ?assertEqual([two, two], on_client(Config, fun twice_found/0)),
    members(Config, ['nobody@127.0.0.1', One, Two]),
    ?assertEqual([two, two], on_client(Config, fun twice_found/0)),
    %% A member that is configured no longer is not asked any more.
    members(Config, ['nobody@127.0.0.1', One]),
    ?assertEqual([one, one], on_client(Config, fun twice_found/0)).

twice_found() ->
    [supervisorring:find(?SUP, c1) || _ <- [1, 2]].

a_silent_member_is_passed_over_for_a_question(Config) ->
    Silent = fake("silent", "find(_, _) -> receive after infinity -> never end.", Config),
    Other = fake("other", "find(_, _) -> other.", Config),
    members(Config, [Silent, Other]),
    ?assertEqual([other, other], on_client(Config, fun twice_found/0)).

a_change_is_not_repeated_when_it_may_have_been_done(Config) ->
    Dying = fake("dying", "start_child(_, _) -> halt(0).", Config),
    Other = fake("other", "start_child(_, _) -> {ok, self()}.", Config),
    members(Config, [Dying, Other]),
    on_client(Config, fun() ->
        ?assertExit({{unknown_outcome, Dying}, {supervisorring, start_child, [?SUP, _]}},
                    supervisorring:start_child(?SUP, my_sup:counter(c1))),
        %% Now it cannot even be reached, so the other one is asked.
        ?assertMatch({ok, _}, supervisorring:start_child(?SUP, my_sup:counter(c1)))
    end).

what_the_member_raises_is_raised(Config) ->
    Node = fake("raising", "find(_, c1) -> exit(because); find(_, c2) -> error(broken); "
                           "find(_, c3) -> throw(ball); find(_, c4) -> exit(noproc).", Config),
    members(Config, [Node]),
    on_client(Config, fun() ->
        ?assertExit(because, supervisorring:find(?SUP, c1)),
        ?assertError(broken, supervisorring:find(?SUP, c2)),
        ?assertThrow(ball, supervisorring:find(?SUP, c3)),
        ?assertExit({noproc, {supervisorring, find, [?SUP, c4]}}, supervisorring:find(?SUP, c4))
    end).

names_are_not_registered(Config) ->
    on_client(Config, fun() ->
        ?assertEqual(no, supervisorring:register_name({?SUP, c1}, self())),
        ?assertEqual(ok, supervisorring:unregister_name({?SUP, c1}))
    end).

%% A node whose module supervisorring has these functions and no others.
fake(Name, Functions, Config) ->
    #{node := Node} = Beam = ring_cluster:start_beam(Name ++ proplists:get_value(suffix, Config)),
    Source = "-module(supervisorring). -compile([export_all, nowarn_export_all]). " ++ Functions,
    in(Beam, fun() ->
        {ok, Tokens, _} = erl_scan:string(Source),
        {ok, supervisorring, Code} = compile:forms(forms(Tokens)),
        {module, supervisorring} = code:load_binary(supervisorring, "fake", Code)
    end),
    Node.

forms([]) ->
    [];
forms(Tokens) ->
    {Form, [Dot | Rest]} = lists:splitwith(fun(Token) -> element(1, Token) =/= dot end, Tokens),
    {ok, Parsed} = erl_parse:parse_form(Form ++ [Dot]),
    [Parsed | forms(Rest)].

members(Config, Nodes) ->
    on_client(Config, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, Nodes)
    end).

nodes_of(Config) ->
    [Node || #{node := Node} <- proplists:get_value(programs, Config)].

on_client(Config, Fun) ->
    in(proplists:get_value(client, Config), Fun).
