%% Children that a dyn_child_handler names: while it answers, while it does not, and when it names them no more.
-module(handler_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([children_outlive_a_handler_that_fails/1, a_missing_handler_module_is_waited_for/1,
         children_outlive_the_handlers_node/1, a_list_with_a_malformed_spec_only_adds/1,
         a_child_named_no_more_ends_at_the_next_ring_change/1,
         a_child_that_matched_no_handler_ends_at_the_next_ring_change/1]).

-import(ring_cluster, [in/2, eventually/2, eventually/3]).

-define(SUP, handled).

all() ->
    [children_outlive_a_handler_that_fails, a_missing_handler_module_is_waited_for,
     children_outlive_the_handlers_node, a_list_with_a_malformed_spec_only_adds,
     a_child_named_no_more_ends_at_the_next_ring_change,
     a_child_that_matched_no_handler_ends_at_the_next_ring_change].

init_per_suite(Config) ->
    ring_cluster:start(proplists:get_value(priv_dir, Config)),
    Config.

end_per_suite(_Config) ->
    ring_cluster:stop().

%% The source and its handler are on a node that a case may take away; it is asked what runs by another.
init_per_testcase(Case, Config) ->
    [file:del_dir_r(ring_cluster:data_dir(Name)) || Name <- ["cpp1", "cpp2"]],
    Mark = ring_cluster:mark(),
    Config1 = [{mark, Mark}, {observer, ring_cluster:start_beam("observer")}, {dev, ring_cluster:start_beam("dev")} | Config],
    Handler = case Case of
                  a_child_that_matched_no_handler_ends_at_the_next_ring_change -> [];
                  a_missing_handler_module_is_waited_for -> [{dyn_child_handler, late_handler}];
                  _ -> [{dyn_child_handler, odd_handler}]
              end,
    answers(Config1, list([d1, d2, d3, d4])),
    Config2 = [{specs, Handler ++ [my_sup:counter(Id) || Id <- [s1, s2]]} | Config1],
    [{cpp1, program("cpp1", [], Config2)} | Config2].

end_per_testcase(_Case, Config) ->
    ring_cluster:stop_since(proplists:get_value(mark, Config)).

program(Name, Args, Config) ->
    Specs = lists:flatten(io_lib:format("={specs,~0p}", [proplists:get_value(specs, Config)])),
    ring_cluster:start_ringnode(Name, ["--supervisor", "handled=my_sup@" ++ atom_to_list(ring_cluster:node_name("dev")) ++ Specs | Args]).

second_program(Config) ->
    #{node := N1} = proplists:get_value(cpp1, Config),
    C2 = program("cpp2", ["--join", atom_to_list(N1)], Config),
    eventually(fun() -> observe(Config, fun() -> ring_view:up(N1) end) end, [N1, maps:get(node, C2)], 15000),
    C2.

list(Ids) ->
    {list, [my_sup:counter(Id) || Id <- Ids]}.

answers(Config, How) ->
    in(proplists:get_value(dev, Config), fun() -> odd_handler:answers(How) end).

%% The handler's failures

%% Each way to fail is one line, however often the handler is asked; what runs goes on with its state.
children_outlive_a_handler_that_fails(Config) ->
    C1 = proplists:get_value(cpp1, Config),
    await_running(Config, [d1, d2, d3, d4, s1, s2]),
    Pids = increment_all(Config),
    [begin
         answers(Config, How),
         sync(Config), sync(Config), sync(Config),
         Whole = "children of handled: odd_handler:get_all(): " ++ Line,
         eventually(fun() -> is_list(string:find(text(C1), Whole)) end, 5000),
         sync(Config), sync(Config),
         ?assertEqual(Pids, running(Config)),
         ?assertEqual({Whole, 1}, {Whole, times(C1, Whole)})
     end || {How, Line} <- [{{error, no_database}, "{exception,no_database,[]}"}, {{exit, gone}, "{exit,gone}"}, {{throw, up}, "{throw,up}"},
                            {{list, 17}, "expected a list of child specs, got 17"},
                            {{list, [a | b]}, "expected a list of child specs, got [a|b]"}]],
    %% A ring change while it fails: whoever owns them now takes them, from the last list.
    answers(Config, {error, no_database}),
    C2 = second_program(Config),
    eventually(fun() -> lists:usort([node(Pid) || {_, Pid} <- running(Config, C2)]) end,
               [maps:get(node, C1), maps:get(node, C2)], 15000),
    answers(Config, list([d1, d2, d3, d4, d5])),
    sync(Config),
    eventually(fun() -> times(C1, "odd_handler:get_all() answers again") end, 1, 5000),
    await_running(Config, [d1, d2, d3, d4, d5, s1, s2]).

%% The module is not there at first, is loaded, goes, and comes back.
a_missing_handler_module_is_waited_for(Config) ->
    C1 = proplists:get_value(cpp1, Config),
    Dev = proplists:get_value(dev, Config),
    All = [d1, d2, d3, d4, s1, s2],
    await_running(Config, [s1, s2]),
    Undef = "late_handler:get_all(): {exception,undef",
    Again = "late_handler:get_all() answers again",
    eventually(fun() -> times(C1, Undef) end, 1, 5000),
    sync(Config),
    load_late_handler(Dev),
    sync(Config),
    await_running(Config, All),
    in(Dev, fun() -> code:delete(late_handler), code:purge(late_handler) end),
    sync(Config),
    eventually(fun() -> times(C1, Undef) end, 2, 5000),
    sync(Config),
    ?assertEqual(All, ids(running(Config))),
    load_late_handler(Dev),
    sync(Config),
    eventually(fun() -> times(C1, Again) end, 2, 5000).

%% A module that is in no file.
load_late_handler(Dev) ->
    Text = "-module(late_handler). -export([match/1, get_all/0, add/1, del/1]). match(Id) -> odd_handler:match(Id). "
        "get_all() -> odd_handler:get_all(). add(Spec) -> odd_handler:add(Spec). del(Id) -> odd_handler:del(Id).",
    {ok, Tokens, _} = erl_scan:string(Text),
    Forms = [begin {ok, Form} = erl_parse:parse_form(Each), Form end || Each <- split(Tokens)],
    {ok, late_handler, Code} = compile:forms(Forms),
    {module, late_handler} = in(Dev, fun() -> code:load_binary(late_handler, "late_handler", Code) end).

split([]) -> [];
split(Tokens) ->
    {Form, [Dot | Rest]} = lists:splitwith(fun({dot, _}) -> false; (_) -> true end, Tokens),
    [Form ++ [Dot] | split(Rest)].

%% The node goes, then a member goes: its children run elsewhere, the handler's too.
children_outlive_the_handlers_node(Config) ->
    C1 = proplists:get_value(cpp1, Config),
    All = [d1, d2, d3, d4, s1, s2],
    C2 = second_program(Config),
    await_running(Config, All),
    ring_cluster:stop_beam(proplists:get_value(dev, Config)),
    sync(Config),
    eventually(fun() -> times(C1, "odd_handler:get_all(): {erpc,noconnection}") end, 1, 15000),
    ?assertEqual(All, ids(running(Config))),
    ring_cluster:kill(C2),
    await_running(Config, All),
    Dev = ring_cluster:start_beam("dev"),
    answers([{dev, Dev}], list([d1, d2, d3, d4, d5])),
    sync(Config),
    await_running(Config, lists:sort([d5 | All])),
    eventually(fun() -> times(C1, "odd_handler:get_all() answers again") end, 1, 5000).

a_list_with_a_malformed_spec_only_adds(Config) ->
    C1 = proplists:get_value(cpp1, Config),
    await_running(Config, [d1, d2, d3, d4, s1, s2]),
    {list, Good} = list([d5, d1]),
    answers(Config, {list, [setelement(3, my_sup:counter(bad), sometimes) | Good]}),
    sync(Config),
    await_running(Config, [d1, d2, d3, d4, d5, s1, s2]),
    eventually(fun() -> times(C1, "is no child spec: {invalid_restart_type,sometimes}") end, 1, 5000),
    C2 = second_program(Config),
    [begin sync(Config), timer:sleep(500) end || _ <- lists:seq(1, 11)],
    ?assertEqual([d1, d2, d3, d4, d5, s1, s2], ids(running(Config, C2))).

%% What is named no more

%% As with the original: it goes on until the ring changes. Never while the handler fails.
a_child_named_no_more_ends_at_the_next_ring_change(Config) ->
    C1 = #{node := N1} = proplists:get_value(cpp1, Config),
    await_running(Config, [d1, d2, d3, d4, s1, s2]),
    answers(Config, list([d1, d2])),
    sync(Config),
    timer:sleep(6000),
    sync(Config),
    ?assertEqual([d1, d2, d3, d4, s1, s2], ids(running(Config))),
    answers(Config, {error, no_database}),
    C2 = second_program(Config),
    timer:sleep(3000),
    ?assertEqual([d1, d2, d3, d4, s1, s2], ids(running(Config))),
    answers(Config, list([d1, d2])),
    eventually(fun() -> sync(Config), ids(running(Config)) end, [d1, d2, s1, s2], 20000),
    ?assertEqual(2, lists:sum([times(C, "is named by no handler any more: stopped") || C <- [C1, C2]])),
    %% Named again, they are started.
    answers(Config, list([d1, d2, d3, d4])),
    sync(Config),
    await_running(Config, [d1, d2, d3, d4, s1, s2]),
    ?assertEqual(2, observe(Config, fun() -> length(ring_view:up(N1)) end)).

%% start_child said {error, {cannot_match_handler, Id}}, and the child runs.
a_child_that_matched_no_handler_ends_at_the_next_ring_change(Config) ->
    #{node := N1} = proplists:get_value(cpp1, Config),
    await_running(Config, [s1, s2]),
    ?assertEqual({error, {cannot_match_handler, x1}},
                 observe(Config, fun() -> erpc:call(N1, supervisorring, start_child, [?SUP, my_sup:counter(x1)]) end)),
    await_running(Config, [s1, s2, x1]),
    _ = second_program(Config),
    eventually(fun() -> sync(Config), ids(running(Config)) end, [s1, s2], 25000).

%% Helpers

%% The managers of the members that are up look at their handlers' lists again.
sync(Config) ->
    #{node := N1} = proplists:get_value(cpp1, Config),
    observe(Config, fun() ->
        [gen_server:cast({list_to_atom(atom_to_list(?SUP) ++ ".ChildManager"), Node}, sync_children) || Node <- ring_view:up(N1)],
        pong = net_adm:ping(N1)
    end),
    timer:sleep(100).

%% {Id, Pid} of what runs, sorted.
running(Config) ->
    running(Config, proplists:get_value(cpp1, Config)).

running(Config, #{node := Node}) ->
    observe(Config, fun() ->
        lists:sort([{Id, Pid} || {Id, Pid, _, _} <- erpc:call(Node, supervisorring, which_children, [?SUP]), is_pid(Pid)])
    end).

ids(Children) ->
    [Id || {Id, _} <- Children].

await_running(Config, Ids) ->
    eventually(fun() -> ids(running(Config)) end, Ids, 20000).

increment_all(Config) ->
    Running = running(Config),
    observe(Config, fun() -> [1 = gen_server:call(Pid, increment) || {_, Pid} <- Running] end),
    Running.

observe(Config, Fun) ->
    in(proplists:get_value(observer, Config), Fun).

text(Program) ->
    binary_to_list(ring_cluster:log(Program)).

times(Program, Text) ->
    length(binary:matches(ring_cluster:log(Program), list_to_binary(Text))).
