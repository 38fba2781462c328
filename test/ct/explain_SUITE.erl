%% Why a child is where it is, and what would move: asked of C++ nodes by the program and by a
%% client, and on BEAMs that are members.
-module(explain_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([the_program_and_a_client_are_told/1, members_that_are_beams_explain_and_plan/1]).

-import(dropin_kit, [members/1, start_mixed/1, await_one_of_each/2]).
-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MySup').
-define(MIXED, 'Elixir.MixedSup').
-define(USAGE, 1).

suite() ->
    [{timetrap, {seconds, 120}}].

all() ->
    [the_program_and_a_client_are_told, members_that_are_beams_explain_and_plan].

init_per_suite(Config) ->
    dropin_kit:start(Config).

end_per_suite(_Config) ->
    dropin_kit:stop().

init_per_testcase(_Case, Config) ->
    dropin_kit:begin_case(Config).

end_per_testcase(_Case, Config) ->
    dropin_kit:end_case(Config).

the_program_and_a_client_are_told(_Config) ->
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["told1", "told2"]],
    #{node := Dev} = Client = ring_cluster:start_beam("told_client"),
    Sup = ["--supervisor", "'Elixir.MySup'=my_sup@" ++ atom_to_list(Dev)],
    #{node := N1} = ring_cluster:start_ringnode("told1", Sup),
    #{node := N2} = ring_cluster:start_ringnode("told2", ["--join", atom_to_list(N1) | Sup]),
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, [N1, N2])
    end),
    Ids = my_sup:ids(),
    eventually(fun() -> in(Client, fun() -> [runs_at_its_owner(Id) || Id <- my_sup:ids()] end) end,
               [true || _ <- Ids], 30000),
    %% A client.
    Explained = in(Client, fun() -> supervisorring:explain(?SUP, c1) end),
    #{owner := Owner, point := #{member := Owner}, named := true, excluded := [], without_supervisor := [],
      key := {?SUP, c1}, doing := <<>>, next_try_ms := none} = Explained,
    ?assert(lists:member(Owner, [N1, N2])),
    ?assertMatch({error, <<_/binary>>},
                 in(Client, fun() -> supervisorring:explain(?SUP, maps:from_list([{N, N} || N <- lists:seq(1, 40)])) end)),
    ?assertMatch({noproc, {supervisorring, explain, [nobody, c1]}},
                 in(Client, fun() -> try supervisorring:explain(nobody, c1) catch exit:Reason -> Reason end end)),
    %% The program, asked where the child runs.
    {0, Text} = command(Owner, "explain", ["'Elixir.MySup'", "c1"]),
    [?assertNotEqual(nomatch, string:find(Text, Part), {Part, Text})
     || Part <- ["owner     " ++ atom_to_list(Owner), "running as <", "a native process", "nothing pending"]],
    {?USAGE, Unknown} = command(N1, "explain", ["nobody", "c1"]),
    ?assertEqual(atom_to_list(N1) ++ " runs no supervisor nobody", said(Unknown)),
    %% What would move is what then moves.
    Plan = in(Client, fun() -> supervisorring:plan([{without, N2}]) end),
    #{up := [_, _], up_then := [N1], supervisors := [#{supervisor := ?SUP, moves := Moves, complete := true,
                                                       moves_between := [#{from := N2, to := N1, ids := Moving}]}]} = Plan,
    ?assertEqual(Moves, length(Moving)),
    ?assertEqual(lists:sort(Moving),
                 in(Client, fun() -> lists:sort([Id || Id <- my_sup:ids(), supervisorring:find(?SUP, Id) =:= N2]) end)),
    {0, PlanText} = command(N1, "plan", ["--without", atom_to_list(N2)]),
    ?assertNotEqual(nomatch, string:find(PlanText, integer_to_list(Moves) ++ " of 12 children would move")),
    {?USAGE, Refused} = command(N1, "plan", ["--with", atom_to_list(N2)]),
    ?assertNotEqual(nomatch, string:find(Refused, "is up already")).

runs_at_its_owner(Id) ->
    try gen_server:call({Id, supervisorring:find(?SUP, Id)}, get) of
        Count -> is_integer(Count)
    catch
        exit:_ -> false
    end.

command(Node, Command, Arguments) ->
    ring_cluster:command([Command, "--name", atom_to_list(Node), "--cookie-file", ring_cluster:cookie_file() | Arguments]).

%% What the one line says behind the command's name.
said(Line) ->
    [_, Said] = string:split(string:trim(unicode:characters_to_list(Line)), ": "),
    Said.

members_that_are_beams_explain_and_plan(_Config) ->
    [M1, M2] = Members = members(["explain1", "explain2"]),
    Nodes = lists:sort([Node || #{node := Node} <- Members]),
    start_mixed(Members),
    await_one_of_each(M1, Members),
    [in(M, fun() ->
         [begin
              Owner = supervisorring:find(?MIXED, Id),
              #{owner := Owner, node := Node, here := Here, by := By, pid := Pid} = supervisorring:explain(?MIXED, Id),
              ?assertEqual(node(), Node),
              ?assertEqual(Owner =:= node(), Here =:= running),
              ?assertEqual(Owner =:= node(), is_pid(Pid) andalso lists:member(By, [beam, native]))
          end || Id <- ?MIXED:ids()],
         ?assertExit({noproc, _}, supervisorring:explain(nobody, 1)),
         [Other] = Nodes -- [node()],
         #{up := Nodes, supervisors := [#{supervisor := ?MIXED, moves := Moves}]} = supervisorring:plan([{without, Other}]),
         ?assertEqual(length([Id || Id <- ?MIXED:ids(), supervisorring:find(?MIXED, Id) =:= Other]), Moves),
         ?assertMatch({error, <<_/binary>>}, supervisorring:plan([{with, Other}])),
         ?assertEqual(supervisorring:plan([{without, Other}]), 'Elixir.Supervisorring':plan([{without, Other}]))
     end) || M <- [M1, M2]].
