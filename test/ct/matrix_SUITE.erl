%% Every function of the API, from every kind of member to every kind of owner: a legacy member, a BEAM with
%% the program beside it, a C node, and a client, which owns nothing.
%%
%% The table that comes out stands in the README ("What works from where"), line by line.
%% LEGACY_EBINS=dir:dir runs it with the original software as the legacy member (HACKING.md).
-module(matrix_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([suite/0, all/0, init_per_suite/1, end_per_suite/1]).
-export([every_function_from_every_member_to_every_owner/1, one_of_a_thousand_starts_the_child/1]).

-import(ring_cluster, [in/2, eventually/3]).

-define(SUP, 'Elixir.MixedSup').
-define(YES, "yes").
-define(NO_FUNCTION, "-").

suite() ->
    [{timetrap, {seconds, 180}}].

all() ->
    [every_function_from_every_member_to_every_owner, one_of_a_thousand_starts_the_child].

init_per_suite(Config) ->
    dropin_kit:start(Config),
    _ = file:delete(ring_cluster:children_file()),
    Legacy = #{node := L} = ring_cluster:start_legacy("legacy", []),
    {ok, _} = in(Legacy, fun() -> ?SUP:start() end),
    Dropin = ring_cluster:start_dropin("dropin", #{join => [L]}),
    ring_cluster:legacy_modules(Dropin),
    {ok, _} = in(Dropin, fun() -> ?SUP:start() end),
    Program = ring_cluster:start_ringnode("cpp", ["--supervisor", "'Elixir.MixedSup'='Elixir.MixedSup'@" ++ atom_to_list(L),
                                                  "--join", atom_to_list(L)]),
    Client = ring_cluster:start_beam("client"),
    ring_cluster:legacy_modules(Client),
    #{node := C} = Program,
    in(Client, fun() ->
        _ = application:load(supervisorring),
        application:set_env(supervisorring, members, [C]),
        {ok, _} = application:ensure_all_started(supervisorring)
    end),
    Members = [Node || #{node := Node} <- [Legacy, Dropin, Program]],
    All = [{legacy, Legacy}, {dropin, Dropin}, {program, Program}, {client, Client} | Config],
    eventually(fun() -> in(Client, fun() -> [ring_view:up(Node) || Node <- Members] end) end, [lists:sort(Members) || _ <- Members], 20000),
    eventually(fun() -> in(Dropin, fun() ->
        lists:sort([{Id, node(Pid)} || Node <- Members, {Id, Pid, _, _} <- supervisor:which_children({?SUP, Node}), is_pid(Pid)])
    end) end, in(Dropin, fun() -> lists:sort([{Id, supervisorring:find(?SUP, Id)} || Id <- ?SUP:ids()]) end), 20000),
    All.

end_per_suite(_Config) ->
    dropin_kit:stop().

every_function_from_every_member_to_every_owner(Config) ->
    Columns = [{Caller, Owner} || Caller <- [legacy, dropin, client, program], Owner <- [legacy, dropin, program]],
    Answers = [answers(Config, Caller, Owner) || {Caller, Owner} <- Columns],
    Functions = [Function || {Function, _} <- hd(Answers)],
    Rows = [[Function | [row_entry(Function, Column) || Column <- Answers]] || Function <- Functions],
    Lines = [lists:flatten(["| ", lists:join(" | ", Row), " |"]) || Row <- Rows],
    ct:pal("~ts", [lists:join($\n, Lines)]),
    {ok, Readme} = file:read_file(filename:join(ring_cluster:root(), "README.md")),
    ?assertEqual([], [Line || Line <- Lines, string:find(Readme, Line) =:= nomatch]).

%% 250 callers on each kind of member and, by the client, of the C node, for a child of each owner.
one_of_a_thousand_starts_the_child(Config) ->
    Callers = [legacy, dropin, client, client],
    [begin
         #{node := OwnerNode} = proplists:get_value(Owner, Config),
         Id = unused_id(Config, thousand, OwnerNode),
         Spec = in(proplists:get_value(legacy, Config), fun() -> ?SUP:counter(Id) end),
         At = erlang:system_time(millisecond) + 1000,
         Waiting = [spawn_monitor(fun() -> exit({answers, in(proplists:get_value(Caller, Config), fun() -> start_250(Spec, At) end)}) end)
                    || Caller <- Callers],
         Answers = lists:append([receive {'DOWN', Monitor, process, _, Reason} -> {answers, Got} = Reason, Got end || {_, Monitor} <- Waiting]),
         ?assertEqual(1000, length(Answers)),
         [{ok, Pid}] = [Answer || {ok, _} = Answer <- Answers],
         ?assertEqual({Owner, [{error, {already_started, Pid}}]}, {Owner, lists:usort(Answers -- [{ok, Pid}])}),
         ?assertEqual(OwnerNode, node(Pid)),
         ok = call(Config, dropin, supervisorring, terminate_child, [?SUP, Id]),
         ok = call(Config, dropin, supervisorring, delete_child, [?SUP, Id])
     end || Owner <- [legacy, dropin, program]].

%% On the caller's node.
start_250(Spec, At) ->
    Self = self(),
    Pids = [spawn(fun() ->
                timer:sleep(max(0, At - erlang:system_time(millisecond))),
                Self ! {self(), catch supervisorring:start_child(?SUP, Spec)}
            end) || _ <- lists:seq(1, 250)],
    [receive {Pid, Answer} -> Answer after 30000 -> no_answer end || Pid <- Pids].

row_entry(Function, Column) ->
    proplists:get_value(Function, Column).

%% One column: the functions in the order of a child's life.
answers(Config, Caller, Owner) ->
    #{node := OwnerNode} = proplists:get_value(Owner, Config),
    Id = unused_id(Config, Caller, OwnerNode),
    Spec = in(proplists:get_value(legacy, Config), fun() -> ?SUP:counter(Id) end),
    Call = fun(Function, Args) -> call(Config, Caller, Function, Args) end,
    Local = fun(Function, Args) -> call(Config, Caller, supervisor, Function, [{?SUP, OwnerNode} | Args]) end,
    Names = #{call => Call, local => Local, id => Id, spec => Spec, owner => OwnerNode,
              increment => fun() -> call(Config, Caller, gen_server, call, [{Id, OwnerNode}, increment]) end},
    [{Function, entry(Expect, Names)} || {Function, Expect} <- life()].

%% What each function has to answer, given what the column is about; what it says else is shown.
life() ->
    [{"`find/2`", fun(#{call := Call, id := Id, owner := Owner}) -> {Owner, Call(find, [?SUP, Id])} end},
     {"`start_child/2`", fun(#{call := Call, spec := Spec, owner := Owner}) ->
         {ok, Pid} = Call(start_child, [?SUP, Spec]),
         {{Owner, {error, {already_started, Pid}}}, {node(Pid), Call(start_child, [?SUP, Spec])}}
     end},
     {"`GenServer.call({Id, Node}, …)`", fun(#{increment := Increment}) -> {[1, 2], [Increment(), Increment()]} end},
     {"`call/3`, `call/4`", fun(#{call := Call, id := Id}) ->
         {[3, 4], [Call(call, [?SUP, Id, increment]), Call(call, [?SUP, Id, increment, 5000])]}
     end},
     {"`cast/3`", fun(#{call := Call, id := Id}) ->
         {{ok, 8}, {Call(cast, [?SUP, Id, {set, 7}]), Call(call, [?SUP, Id, increment])}}
     end},
     {"`exec/3`, `/4`, `/5`", fun(#{call := Call, id := Id, owner := Owner}) ->
         Fun = fun erlang:node/0,
         Answers = [Call(exec, [?SUP, Id, Fun]), Call(exec, [?SUP, Id, Fun, 5000]), Call(exec, [?SUP, Id, Fun, 5000, 2])],
         {[Owner, Owner, Owner], Answers}
     end},
     {"`which_children/1`", fun(#{call := Call, id := Id, owner := Owner}) ->
         {[Owner], [node(Pid) || {Of, Pid, worker, ['Elixir.Counter']} <- Call(which_children, [?SUP]), Of =:= Id]}
     end},
     {"`count_children/1`", fun(#{call := Call}) ->
         {#{specs => 13, active => 13, supervisors => 0, workers => 13}, Call(count_children, [?SUP])}
     end},
     {"`explain/2`", fun(#{call := Call, id := Id, owner := Owner}) -> {Owner, maps:get(owner, Call(explain, [?SUP, Id]))} end},
     {"`supervisor:which_children/1` of the owner", fun(#{local := Local, id := Id}) ->
         {[Id], [Of || {Of, Pid, worker, _} <- Local(which_children, []), Of =:= Id, is_pid(Pid)]}
     end},
     {"`supervisor:count_children/1` of the owner", fun(#{local := Local}) ->
         Counts = Local(count_children, []),
         {[proplists:get_value(Key, Counts) || Key <- [specs, supervisors]], [length(Local(which_children, [])), 0]}
     end},
     {"`supervisor:get_childspec/2` of the owner", fun(#{local := Local, id := Id}) ->
         {ok, #{id := Of, restart := Restart}} = Local(get_childspec, [Id]),
         {{Id, permanent}, {Of, Restart}}
     end},
     {"`restart_child/2`, `delete_child/2` while it runs", fun(#{call := Call, id := Id}) ->
         {[{error, running}, {error, running}], [Call(Function, [?SUP, Id]) || Function <- [restart_child, delete_child]]}
     end},
     {"`terminate_child/2`", fun(#{call := Call, id := Id}) ->
         Ended = Call(terminate_child, [?SUP, Id]),
         {{ok, [undefined]}, {Ended, [Pid || {Of, Pid, _, _} <- Call(which_children, [?SUP]), Of =:= Id]}}
     end},
     {"`restart_child/2`", fun(#{call := Call, id := Id, owner := Owner}) ->
         {ok, Pid} = Call(restart_child, [?SUP, Id]),
         {Owner, node(Pid)}
     end},
     {"`delete_child/2`", fun(#{call := Call, id := Id}) ->
         {{[ok, ok], []}, {[Call(Function, [?SUP, Id]) || Function <- [terminate_child, delete_child]],
                           [Of || {Of, _, _, _} <- Call(which_children, [?SUP]), Of =:= Id]}}
     end},
     {"a change of an id that is unknown", fun(#{call := Call, id := Id}) ->
         {[{error, not_found} || _ <- [1, 2, 3]], [Call(Function, [?SUP, Id]) || Function <- [terminate_child, restart_child, delete_child]]}
     end}].

entry(Expect, Names) ->
    try Expect(Names) of
        {Same, Same} -> ?YES;
        {_, Answered} -> shown(Answered)
    catch
        no_function -> ?NO_FUNCTION;
        Class:Why -> shown({Class, Why})
    end.

shown([Answer | Others] = Answers) ->
    case lists:usort(Answers) of
        [_] -> shown(Answer);
        _ -> lists:flatten(lists:join(", ", [shown(Each) || Each <- [Answer | Others]]))
    end;
shown({error, {no_beam, _}}) -> "`no_beam`";
shown(Other) -> lists:flatten(io_lib:format("`~0p`", [Other])).

%% A program is asked by erpc, from the legacy member.
call(Config, Caller, Function, Args) ->
    call(Config, Caller, supervisorring, Function, Args).

call(Config, program, supervisorring, Function, Args) ->
    #{node := Program} = proplists:get_value(program, Config),
    in(proplists:get_value(legacy, Config), fun() ->
        try erpc:call(Program, supervisorring, Function, Args, 15000)
        catch error:{exception, undef, _} -> throw(no_function)
        end
    end);
call(_Config, program, _Module, _Function, _Args) ->
    throw(no_function);
call(Config, Caller, Module, Function, Args) ->
    in(proplists:get_value(Caller, Config), fun() ->
        _ = code:ensure_loaded(Module),
        case erlang:function_exported(Module, Function, length(Args)) of
            true -> apply(Module, Function, Args);
            false -> throw(no_function)
        end
    end).

unused_id(Config, Caller, Owner) ->
    in(proplists:get_value(legacy, Config), fun() ->
        hd([Id || N <- lists:seq(1, 200), Id <- [list_to_atom(lists:concat([Caller, "_", N]))], supervisorring:find(?SUP, Id) =:= Owner])
    end).
