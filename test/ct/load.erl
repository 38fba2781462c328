%% Callers that use a supervisor without a pause, counting every call that fails.
%%
%% Reading callers look children up, call them, list them, ask who is up and look up ids
%% that nobody has used. The changing caller starts, restarts and deletes a child of its
%% own; there is one of it, since the handler's file bears one writer.
-module(load).

-export([start/3, stop/1]).

-type tally() :: #{calls := non_neg_integer(), failed := #{term() => pos_integer()},
                   slowest_ms := non_neg_integer()}.

%% Starts Readers reading callers, and the changing one; called on the node where they run.
%% Spec: of an id, the child that the changing caller starts.
-spec start(atom(), Ids :: [atom()], #{readers := pos_integer(), changing => fun((atom()) -> tuple())}) ->
          [pid()].
start(Sup, Ids, #{readers := Readers} = Options) ->
    [spawn(fun() -> loop(fun() -> read(Sup, Ids) end) end) || _ <- lists:seq(1, Readers)]
        ++ [spawn(fun() -> loop(fun() -> change(Sup, Spec) end) end)
            || #{changing := Spec} <- [Options]].

%% What became of all their calls.
-spec stop([pid()]) -> tally().
stop(Pids) ->
    Tallies = [begin
                   Pid ! {stop, self()},
                   receive {tally, Pid, Tally} -> Tally after 60000 -> error({stuck, process_info(Pid, [current_stacktrace, messages])}) end
               end || Pid <- Pids],
    lists:foldl(fun sum/2, none(), Tallies).

none() -> #{calls => 0, failed => #{}, slowest_ms => 0}.

sum(#{calls := C1, failed := F1, slowest_ms := S1}, #{calls := C2, failed := F2, slowest_ms := S2}) ->
    #{calls => C1 + C2, slowest_ms => max(S1, S2),
      failed => maps:fold(fun(Why, Count, All) -> maps:update_with(Why, fun(N) -> N + Count end, Count, All) end,
                          F1, F2)}.

loop(Calls) ->
    put(tally, none()),
    turn(Calls).

turn(Calls) ->
    receive
        {stop, From} -> From ! {tally, self(), get(tally)}
    after 1 ->
        Calls(),
        turn(Calls)
    end.

%% One call. What it answers when it fails is undefined.
call(What, Fun) ->
    Before = erlang:monotonic_time(millisecond),
    {Result, Failed} = try {Fun(), none}
                       catch Class:Reason -> {undefined, {What, Class, brief(Reason)}}
                       end,
    Took = erlang:monotonic_time(millisecond) - Before,
    count(Failed, Took),
    Result.

%% An answer that is an error.
wrong(What, Answer) ->
    count({What, answer, brief(Answer)}, 0).

count(Failed, Took) ->
    #{calls := Calls, failed := AllFailed, slowest_ms := Slowest} = Tally = get(tally),
    put(tally, Tally#{calls := Calls + 1, slowest_ms := max(Slowest, Took),
                      failed := case Failed of
                                    none -> AllFailed;
                                    _ -> maps:update_with(Failed, fun(N) -> N + 1 end, 1, AllFailed)
                                end}).

brief({Reason, {gen_server, call, _}}) -> brief(Reason);
brief({{nodedown, Node}, _}) -> {nodedown, Node};
brief(Reason) -> lists:flatten(io_lib:format("~tP", [Reason, 12])).

read(Sup, Ids) ->
    Id = lists:nth(rand:uniform(length(Ids)), Ids),
    Owner = call(find, fun() -> supervisorring:find(Sup, Id) end),
    call(child_call, fun() -> gen_server:call({Id, Owner}, get) end),
    call(fresh_find, fun() -> supervisorring:find(Sup, {fresh, rand:uniform(1 bsl 60)}) end),
    rand:uniform(10) =:= 1 andalso seldom(Sup, Id, Ids).

seldom(Sup, Id, Ids) ->
    call(get_up, fun() -> gen_server:call('Elixir.NanoRing', get_up) end),
    case call(exec, fun() -> supervisorring:exec(Sup, Id, fun() -> {ran, node()} end, 5000, 1) end) of
        {ran, _} -> ok;
        undefined -> ok;
        Other -> wrong(exec, Other)
    end,
    case call(which_children, fun() -> supervisorring:which_children(Sup) end) of
        undefined -> ok;
        Children ->
            case Ids -- [I || {I, Pid, _, _} <- Children, is_pid(Pid)] of
                [] -> ok;
                Missing -> wrong(which_children, {missing, Missing})
            end
    end.

change(Sup, Spec) ->
    Id = list_to_atom("load" ++ integer_to_list(rand:uniform(100))),
    Steps = [{start_child, fun() -> {ok, _} = supervisorring:start_child(Sup, Spec(Id)) end},
             {terminate_child, fun() -> ok = supervisorring:terminate_child(Sup, Id) end},
             {restart_child, fun() -> {ok, _} = supervisorring:restart_child(Sup, Id) end},
             {terminate_child, fun() -> ok = supervisorring:terminate_child(Sup, Id) end},
             {delete_child, fun() -> ok = supervisorring:delete_child(Sup, Id) end}],
    [call(What, Fun) || {What, Fun} <- Steps].
