%% What outlives the program and its owner: the estate that a successor takes over.
%%
%% Tables, owned by this process, written by whoever the row is about:
%%   kept values     what the program asked to be kept for its successor
%%   requests        what has come for the program and is not answered yet, oldest first.
%%                   A request has a tag; the message that answers it begins with the tag.
%%                   A row of tag `once' is delivered and forgotten
%%   children        one row for each child (#child{}); whose a pid, or the token of a failed start, is
%%   supervisors     the supervisors that run here
%%
%% The process itself watches the global supervisors: when one is gone for good, so is
%% what was kept of it, and the program is told.
-module(supervisorring_estate).
-behaviour(gen_server).

-include("supervisorring.hrl").

-export([start_link/0]).
-export([keep/2, unkeep/1, kept/0, get/2, set/2, forget_children/1]).
-export([add_request/2, request/1, requests/0, requests/1, mark_sent/2, end_request/1, drop_request/1,
         finish_run/2]).
-export([add_child/1, started/2, failed/3, exited/2, child/1, child_of/1, children/0, children/1,
         update_child/2, remove_child/1, remove_failed/1]).
-export([add_supervisor/3, supervisor/1, handlers/1, definition/1, supervisors/0, update_supervisor/2]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-type tag() :: term().
-type seq() :: integer().
-type key() :: {supervisorring:sup(), supervisorring:id()}.
-type child() :: #child{}.
-export_type([tag/0, seq/0, key/0, child/0]).

-define(VALUES, supervisorring_estate_values).
-define(REQUESTS, supervisorring_estate_requests).
-define(TAGS, supervisorring_estate_tags).
-define(CHILDREN, supervisorring_estate_children).
-define(PIDS, supervisorring_estate_pids).
-define(SUPERVISORS, supervisorring_estate_supervisors).
%% Callers beyond that many have to wait for answers already: more than 100 for each of 1,000 members.
-define(MAX_REQUESTS, 100000).

%% Starts the process that owns the tables.
-spec start_link() -> {ok, pid()} | {error, term()}.
start_link() ->
    gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% Values

%% Keeps a value for the program's successor.
-spec keep(Key :: term(), Value :: term()) -> ok.
keep(Key, Value) ->
    set({kept, Key}, Value).

%% Forgets a kept value.
-spec unkeep(Key :: term()) -> ok.
unkeep(Key) ->
    true = ets:delete(?VALUES, {kept, Key}),
    ok.

%% All kept values.
-spec kept() -> [{Key :: term(), Value :: term()}].
kept() ->
    [{Key, Value} || [Key, Value] <- ets:match(?VALUES, {{kept, '$1'}, '$2'})].

%% A value of the shim's own, e.g. the program's generation.
-spec get(Key :: term(), Default :: term()) -> term().
get(Key, Default) ->
    case ets:lookup(?VALUES, Key) of
        [{_, Value}] -> Value;
        [] -> Default
    end.

%% Sets a value of the shim's own.
-spec set(Key :: term(), Value :: term()) -> ok.
set(Key, Value) ->
    true = ets:insert(?VALUES, {Key, Value}),
    ok.

%% Requests

%% Keeps an input for the program until it is answered (Tag) or delivered (once).
-spec add_request(tag() | once, Input :: tuple()) -> {ok, seq()} | full.
add_request(Tag, Input) ->
    case ets:info(?REQUESTS, size) of
        Size when Size >= ?MAX_REQUESTS ->
            full;
        _ ->
            Seq = erlang:unique_integer([monotonic]),
            true = ets:insert(?REQUESTS, {Seq, Tag, Input, 0, 0}),
            Tag =:= once orelse ets:insert(?TAGS, {Tag, Seq}),
            {ok, Seq}
    end.

%% A request that is not answered yet, with the generation of the program that has it.
-spec request(seq()) -> {tag() | once, Input :: tuple(), Generation :: non_neg_integer()} | none.
request(Seq) ->
    case ets:lookup(?REQUESTS, Seq) of
        [{_, Tag, Input, Generation, _Lives}] -> {Tag, Input, Generation};
        [] -> none
    end.

%% All of them, oldest first.
-spec requests() -> [seq()].
requests() ->
    [Seq || [Seq] <- ets:match(?REQUESTS, {'$1', '_', '_', '_', '_'})].

%% Those that so many programs have had without answering them, oldest first.
-spec requests(Lives :: pos_integer()) -> [seq()].
requests(Lives) ->
    ets:select(?REQUESTS, [{{'$1', '_', '_', '_', '$2'}, [{'>=', '$2', Lives}], ['$1']}]).

%% Notes that the program of that generation has the request.
-spec mark_sent(seq(), pos_integer()) -> ok.
mark_sent(Seq, Generation) ->
    _ = ets:update_element(?REQUESTS, Seq, {4, Generation}),
    _ = (catch ets:update_counter(?REQUESTS, Seq, {5, 1})),
    ok.

%% The request of that tag is answered; nothing happens where there is none.
-spec end_request(tag()) -> ok.
end_request(Tag) ->
    case ets:take(?TAGS, Tag) of
        [{_, Seq}] ->
            true = ets:delete(?REQUESTS, Seq),
            true = ets:delete(?VALUES, {run, Tag}),
            ok;
        [] ->
            ok
    end.

%% Forgets a request.
-spec drop_request(seq()) -> ok.
drop_request(Seq) ->
    case ets:take(?REQUESTS, Seq) of
        [{_, Tag, _, _, _}] when Tag =/= once -> _ = ets:delete(?TAGS, Tag), ok;
        _ -> ok
    end.

%% Notes the result of the function that was run for a request, while somebody may ask.
-spec finish_run(tag(), Result) -> Result.
finish_run(Tag, Result) ->
    true = ets:insert(?VALUES, {{run, Tag}, {done, Result}}),
    ets:member(?TAGS, Tag) orelse ets:delete(?VALUES, {run, Tag}),
    Result.

%% Forgets what was kept of a supervisor's children: they start anew.
-spec forget_children(supervisorring:sup()) -> ok.
forget_children(Sup) ->
    [remove_child(Key) || #child{key = Key} <- children(Sup)],
    true = ets:match_delete(?VALUES, {{kept, {child, Sup, '_'}}, '_'}),
    true = ets:match_delete(?VALUES, {{kept, {history, Sup}}, '_'}),
    true = ets:match_delete(?VALUES, {{kept, {ending, Sup}}, '_'}),
    supervisorring_gate:supervisor_gone(Sup).

%% Children

%% Notes a child that is about to be started, unless there is one of that name.
-spec add_child(child()) -> boolean().
add_child(Child) ->
    ets:insert_new(?CHILDREN, Child).

%% The child runs; its keeper stands in the row.
-spec started(key(), pid()) -> ok.
started(Key, Pid) ->
    case ets:update_element(?CHILDREN, Key, [{#child.pid, Pid}, {#child.state, running}]) of
        true -> true = ets:insert(?PIDS, {Pid, Key}), supervisorring_gate:started(Key);
        false -> ok
    end.

%% The start of that token has failed; the row stays until the program has taken note of it.
-spec failed(key(), Token :: integer(), Reason :: term()) -> ok.
failed(Key, Token, Reason) ->
    case ets:update_element(?CHILDREN, Key, {#child.state, {failed, Reason}}) of
        true -> true = ets:insert(?PIDS, {Token, Key}), ok;
        false -> ok
    end.

%% The child has ended; the row stays until the program has taken note of it.
-spec exited(key(), Reason :: term()) -> ok.
exited(Key, Reason) ->
    _ = ets:update_element(?CHILDREN, Key, {#child.state, {exited, Reason}}),
    ok.

%% The child of that name.
-spec child(key()) -> child() | undefined.
child(Key) ->
    case ets:lookup(?CHILDREN, Key) of
        [Child] -> Child;
        [] -> undefined
    end.

%% The child that has, or had, that pid.
-spec child_of(pid()) -> child() | undefined.
child_of(Pid) ->
    case ets:lookup(?PIDS, Pid) of
        [{_, Key}] -> child(Key);
        [] -> undefined
    end.

%% All children, those of each supervisor in the order of its table.
-spec children() -> [child()].
children() ->
    lists:keysort(#child.seq, ets:tab2list(?CHILDREN)).

%% The children of a supervisor, in the order of its table: the oldest first.
-spec children(supervisorring:sup()) -> [child()].
children(Sup) ->
    lists:keysort(#child.seq, ets:match_object(?CHILDREN, #child{key = {Sup, '_'}, _ = '_'})).

%% Sets fields of a child's row, which may be gone already.
-spec update_child(key(), [{Position :: pos_integer(), Value :: term()}]) -> ok.
update_child(Key, Fields) ->
    _ = ets:update_element(?CHILDREN, Key, Fields),
    ok.

%% Forgets a child.
-spec remove_child(key()) -> ok.
remove_child(Key) ->
    case ets:take(?CHILDREN, Key) of
        [#child{pid = Pid}] when is_pid(Pid) -> _ = ets:delete(?PIDS, Pid), ok;
        [#child{token = Token, state = {failed, _}}] -> _ = ets:delete(?PIDS, Token), ok;
        _ -> ok
    end.

%% Forgets the start of that token, which has failed.
-spec remove_failed(Token :: integer()) -> ok.
remove_failed(Token) ->
    case ets:take(?PIDS, Token) of
        [{_, Key}] ->
            case child(Key) of
                #child{token = Token, state = {failed, _}} -> remove_child(Key);
                _ -> ok
            end;
        [] ->
            ok
    end.

%% Supervisors. What one consists of (its definition) may be large and is apart from who it
%% is, which is read for every order.

%% Notes a supervisor that starts, and watches its global supervisor.
-spec add_supervisor(supervisorring:sup(), Info :: map(), Definition :: map()) -> ok.
add_supervisor(Sup, #{global := Global} = Info, #{specs := Specs} = Definition) ->
    Handlers = [Module || {dyn_child_handler, Module} <- Specs],
    gen_server:call(?MODULE, {add, Global, {Sup, Info, Handlers, Definition}}, infinity).

%% Who a supervisor is: its processes, and whether the program has taken it on.
-spec supervisor(supervisorring:sup()) -> map() | undefined.
supervisor(Sup) ->
    element_of(Sup, 2, undefined).

%% The handlers of a supervisor's dynamic children.
-spec handlers(supervisorring:sup()) -> [module()].
handlers(Sup) ->
    element_of(Sup, 3, []).

%% Its module and arguments, and what its init/1 returned.
-spec definition(supervisorring:sup()) -> map().
definition(Sup) ->
    element_of(Sup, 4, #{}).

element_of(Sup, Position, Default) ->
    try ets:lookup_element(?SUPERVISORS, Sup, Position)
    catch error:badarg -> Default
    end.

%% All supervisors.
-spec supervisors() -> [map()].
supervisors() ->
    [Info || [Info] <- ets:match(?SUPERVISORS, {'_', '$1', '_', '_'})].

%% Changes who a supervisor is; it may be gone already.
-spec update_supervisor(supervisorring:sup(), map()) -> ok.
update_supervisor(Sup, Changes) ->
    case supervisor(Sup) of
        undefined -> ok;
        Info -> _ = ets:update_element(?SUPERVISORS, Sup, {2, maps:merge(Info, Changes)}), ok
    end.

%% The process

%% Watched: by monitor, the global supervisor; and, when that is gone with its reason, the local
%% one that still ends its children.

-type watched() :: #{reference() => {supervisorring:sup(), Global :: pid(),
                                     running | {ending, Reason :: term()}}}.

-spec init([]) -> {ok, watched()}.
init([]) ->
    [Table = ets:new(Table, [named_table, public, Type | Options])
     || {Table, Type, Options} <- [{?VALUES, set, [{read_concurrency, true}]},
                                   {?REQUESTS, ordered_set, []},
                                   {?TAGS, set, []},
                                   {?CHILDREN, set, [{keypos, #child.key}, {write_concurrency, true}]},
                                   {?PIDS, set, [{write_concurrency, true}]},
                                   {?SUPERVISORS, set, []}]],
    supervisorring_ring:new(),
    {ok, #{}}.

-spec handle_call({add, pid(), tuple()} | term(), gen_server:from(), watched()) ->
          {reply, ok, watched()} | {noreply, watched()}.
handle_call({add, Global, Row}, _From, Watched) ->
    Sup = element(1, Row),
    Rest = forget_before(Sup, Global, Watched),
    true = ets:insert(?SUPERVISORS, Row),
    {reply, ok, Rest#{erlang:monitor(process, Global) => {Sup, Global, running}}};
handle_call(_Unknown, _From, Watched) ->
    {noreply, Watched}.

-spec handle_cast(term(), watched()) -> {noreply, watched()}.
handle_cast(_Unknown, Watched) ->
    {noreply, Watched}.

-spec handle_info(term(), watched()) -> {noreply, watched()}.
handle_info({'DOWN', Monitor, process, _Pid, Reason}, Watched) ->
    case maps:take(Monitor, Watched) of
        {Entry, Rest} -> {noreply, ended(Entry, Reason, Rest)};
        error -> {noreply, Watched}
    end;
handle_info(_Unknown, Watched) ->
    {noreply, Watched}.

%% A local supervisor whose global one was killed ends its children first.
ended({Sup, Global, running}, Reason, Watched) ->
    case supervisor(Sup) of
        #{global := Global, local := Local} ->
            Watched#{erlang:monitor(process, Local) => {Sup, Global, {ending, Reason}}};
        _ ->
            Watched
    end;
ended({Sup, Global, {ending, Reason}}, _Ended, Watched) ->
    forget_supervisor(Sup, Global, Reason),
    Watched.

%% One of the same name starts: those before are gone, also where it is not known here yet.
forget_before(Sup, Global, Watched) ->
    maps:filter(fun(Monitor, {S, Before, State}) when S =:= Sup, Before =/= Global ->
                        erlang:demonitor(Monitor, [flush]),
                        forget_supervisor(S, Before, case State of {ending, Why} -> Why; running -> killed end),
                        false;
                   (_Monitor, _Other) ->
                        true
                end, Watched).

forget_supervisor(Sup, Global, Reason) ->
    case supervisor(Sup) of
        #{global := Global} ->
            true = ets:delete(?SUPERVISORS, Sup),
            forget_children(Sup),
            true = ets:match_delete(?VALUES, {{kept, {handler, Sup, '_'}}, '_'}),
            end_request({supervisor, Sup}),
            supervisorring_inbox:input({supervisor_gone, Sup, Reason});
        _ ->
            ok
    end.
