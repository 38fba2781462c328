%% A child that counts, and the supervisor module of such children, whose moves can be made to fail.
%%
%% State: how many increments were answered, and of each caller which casts have come. migrate/3
%% copies it. What goes wrong in a move is set on the node where it is to: fault/1.
-module(move_child).
-behaviour(gen_server).

-export([start/2, ids/1, spec/1, start_link/1, migrate/3, fault/1, tallies/2, load/1, load_start/0]).
-export([load/4, stop_load/1]).
-export([init/1, handle_call/3, handle_cast/2, terminate/2]).

%% What migrate/3, the start or the end of children does on this node: none, raise, {hang, Ms},
%% no_module, start_fails, start_hangs, {slow_end, Ms}, {tell, Pid}: says that migrate/3 runs and waits for `go';
%% {tell_start, Pid}, {tell_end, Pid}: the same of a child that starts or ends.
-spec fault(term()) -> ok.
fault(Fault) ->
    persistent_term:put(?MODULE, Fault).

fault() ->
    persistent_term:get(?MODULE, none).

ids(Count) ->
    [list_to_atom("k" ++ integer_to_list(N)) || N <- lists:seq(1, Count)].

spec(Id) ->
    {Id, {move_start, start_link, [Id]}, permanent, 1000, worker, [?MODULE]}.

%% A module that is in no file, on this node.
load(Forms) ->
    Parsed = [begin {ok, Tokens, _} = erl_scan:string(Text), {ok, Form} = erl_parse:parse_form(Tokens), Form end || Text <- Forms],
    {ok, Module, Code} = compile:forms(Parsed),
    {module, Module} = code:load_binary(Module, "", Code),
    ok.

%% The module by whose function the children start.
load_start() ->
    load(["-module(move_start).", "-export([start_link/1]).", "start_link(Id) -> move_child:start_link(Id)."]).

%% Starts a supervisor of these children, whose caller's end is not its end.
start(Sup, Ids) ->
    fault() =:= no_module orelse load_start(),
    {ok, Pid} = supervisorring:start_link({local, Sup}, ?MODULE, {children, Ids}),
    unlink(Pid),
    {ok, Pid}.

start_link(Id) ->
    gen_server:start_link({local, Id}, ?MODULE, Id, []).

migrate(_Child, Old, New) ->
    case fault() of
        raise -> error(no_migration_today);
        {hang, Ms} -> timer:sleep(Ms);
        {tell, Pid} -> tell(Pid, {migrating, self(), Old, New});
        _ -> ok
    end,
    ok = gen_server:call(New, {take, gen_server:call(Old, state)}).

tell(Pid, What) ->
    Monitor = monitor(process, Pid),
    Pid ! What,
    receive go -> ok; {'DOWN', Monitor, process, _, _} -> ok end.

%% The states of these children, asked where they run.
tallies(Sup, Ids) ->
    [{Id, supervisorring:call(Sup, Id, state, 20000)} || Id <- Ids].

%% Load: callers that call and cast children in turn. What they had answered and what they sent:
%% {#{Id => Calls}, #{{Caller, Id} => Casts}, Failures}.

load(Sup, Ids, Callers, PauseMs) ->
    [spawn(fun() -> rand:seed(exsss, N), caller(Sup, Ids, PauseMs, #{}, #{}, []) end) || N <- lists:seq(1, Callers)].

caller(Sup, Ids, PauseMs, Calls, Casts, Failures) ->
    receive
        {stop, From} -> From ! {self(), {Calls, Casts, Failures}}
    after PauseMs ->
        Id = lists:nth(rand:uniform(length(Ids)), Ids),
        Seq = maps:get({self(), Id}, Casts, 0) + 1,
        ok = supervisorring:cast(Sup, Id, {cast, self(), Seq}),
        Casts1 = Casts#{{self(), Id} => Seq},
        try supervisorring:call(Sup, Id, increment, 15000) of
            _ -> caller(Sup, Ids, PauseMs, maps:update_with(Id, fun(N) -> N + 1 end, 1, Calls), Casts1, Failures)
        catch
            Class:Why -> caller(Sup, Ids, PauseMs, Calls, Casts1, [{Id, Class, Why} | Failures])
        end
    end.

stop_load(Pids) ->
    [Pid ! {stop, self()} || Pid <- Pids],
    All = [receive {Pid, Said} -> Said after 30000 -> error({stuck, process_info(Pid, current_stacktrace)}) end || Pid <- Pids],
    lists:foldl(fun({Calls, Casts, Failures}, {C, K, F}) ->
                    {maps:merge_with(fun(_, A, B) -> A + B end, Calls, C), maps:merge(Casts, K), Failures ++ F}
                end, {#{}, #{}, []}, All).

%% The supervisor and its children

init({children, Ids}) ->
    {ok, {{one_for_one, 1000, 5}, [spec(Id) || Id <- Ids]}};
init({specs, Specs}) ->
    {ok, {{one_for_one, 1000, 5}, Specs}};
init(Id) ->
    process_flag(trap_exit, true),
    case fault() of
        start_fails -> {stop, no_start_today};
        start_hangs -> timer:sleep(infinity);
        {tell_start, Pid} -> tell(Pid, {starting, Id}), {ok, fresh(Id)};
        _ -> {ok, fresh(Id)}
    end.

fresh(Id) ->
    #{id => Id, count => 0, casts => #{}, disorder => []}.

handle_call(increment, _From, #{count := Count} = State) ->
    {reply, Count + 1, State#{count := Count + 1}};
handle_call({increment_slowly, Ms}, _From, #{count := Count} = State) ->
    timer:sleep(Ms),
    {reply, Count + 1, State#{count := Count + 1}};
handle_call(never_answered, _From, State) ->
    {noreply, State};
handle_call(state, _From, State) ->
    {reply, State, State};
handle_call({take, State}, _From, _Fresh) ->
    {reply, ok, State}.

handle_cast({cast, Caller, Seq}, #{casts := Casts, disorder := Disorder} = State) ->
    case maps:get(Caller, Casts, 0) + 1 of
        Seq -> {noreply, State#{casts := Casts#{Caller => Seq}}};
        Expected -> {noreply, State#{casts := Casts#{Caller => Seq}, disorder := [{Caller, Expected, Seq} | Disorder]}}
    end.

terminate(_Reason, #{id := Id}) ->
    case fault() of
        {tell_end, Pid} -> tell(Pid, {ending, Id});
        {slow_end, Ms} -> timer:sleep(Ms);
        _ -> ok
    end.
