%% Sends without ever suspending the sender.
%%
%% A message to a node whose connection is congested goes to a process of its own, the
%% lane to that node, which waits in the sender's place; later messages to that node
%% follow on the same lane, in order, until it is empty. A lane is bounded; what does not
%% fit is dropped, as by a connection that breaks.
-module(supervisorring_lanes).

-export([new/0, send/4, idle/3]).
-export([lane/1]).

-type lanes() :: #{node() => {Lane :: pid(), Sent :: non_neg_integer()}}.
-type destination() :: pid() | reference() | atom() | {atom(), node()}.
-export_type([lanes/0, destination/0]).

%% Half a gigabyte of messages of 5 kB; the connection's own buffer is full as well then.
-define(MAX_LANE, 100000).
-define(IDLE_MS, 1000).

%% No lanes yet: all connections are free.
-spec new() -> lanes().
new() ->
    #{}.

%% Sends. Options: [noconnect] for what is not worth a new connection.
-spec send(destination(), Message :: term(), [noconnect], lanes()) -> lanes().
send(To, Message, Options, Lanes) ->
    Node = node_of(To),
    case Lanes of
        #{Node := {Lane, Sent}} ->
            Lanes#{Node := {Lane, Sent + enqueue(Lane, {To, Message, Options})}};
        _ ->
            case erlang:send(To, Message, [nosuspend | Options]) of
                nosuspend -> open(Node, {To, Message, Options}, Lanes);
                _SentOrDropped -> Lanes
            end
    end.

%% A lane has been idle since it has sent that many: it is closed, unless more is on its way.
-spec idle(pid(), Sent :: non_neg_integer(), lanes()) -> lanes().
idle(Lane, Sent, Lanes) ->
    case [Node || {Node, {L, S}} <- maps:to_list(Lanes), L =:= Lane, S =:= Sent] of
        [Node] -> exit(Lane, kill), maps:remove(Node, Lanes);
        [] -> Lanes
    end.

node_of(To) when is_pid(To); is_reference(To) -> node(To);
node_of({_Name, Node}) -> Node;
node_of(Name) when is_atom(Name) -> node().

open(Node, Job, Lanes) ->
    Lane = spawn_link(?MODULE, lane, [self()]),
    Lanes#{Node => {Lane, enqueue(Lane, Job)}}.

enqueue(Lane, Job) ->
    case process_info(Lane, message_queue_len) of
        {message_queue_len, Length} when Length >= ?MAX_LANE -> 0;
        _ -> Lane ! Job, 1
    end.

%% Runs in the lane's process.
-spec lane(pid()) -> no_return().
lane(Owner) ->
    lane(Owner, 0).

lane(Owner, Sent) ->
    receive
        {To, Message, Options} ->
            _ = (catch erlang:send(To, Message, Options)),
            lane(Owner, Sent + 1)
    after ?IDLE_MS ->
        Owner ! {lane_idle, self(), Sent},
        lane(Owner, Sent)
    end.
