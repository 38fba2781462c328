%% A distribution peer made by hand, on a socket: says what a test wants said, true or not.
%%
%% The handshake is that of the initiator, version 6, of OTP's Distribution Protocol chapter.
-module(raw_peer).

-export([connect/1, port_of/1, up/2, up/3, name_packet/2, send_name/3, packet/1]).
-export([frame/1, frame/2, send/2, recv_frame/2, closed/2, pid/2, ref/2]).
-export([all_flags/0]).

-define(COOKIE, "ring_cluster_cookie").

%% What the program offers: OTP 25's mandatory flags, MONITOR_NAME, UNLINK_ID, SPAWN, V4_NC, ALIAS.
all_flags() ->
    16#D07074FBC.

%% A TCP connection to the port that epmd knows for the name.
connect(Name) ->
    {ok, Socket} = gen_tcp:connect("127.0.0.1", port_of(Name), [binary, {active, false}]),
    Socket.

port_of(Name) ->
    {ok, Epmd} = gen_tcp:connect("127.0.0.1", ring_cluster:epmd_port(), [binary, {active, false}]),
    ok = gen_tcp:send(Epmd, [<<(length(Name) + 1):16, $z>>, Name]),
    {ok, <<$w, 0, Port:16, _/binary>>} = gen_tcp:recv(Epmd, 0, 5000),
    ok = gen_tcp:close(Epmd),
    Port.

%% A connection to Name that is up, from the node Self.
up(Name, Self) ->
    up(Name, Self, all_flags()).

up(Name, Self, Flags) ->
    Socket = connect(Name),
    ok = send_name(Socket, Self, Flags),
    case recv_packet(Socket) of
        <<"sok">> -> ok;
        <<"sok_simultaneous">> -> ok;
        <<"salive">> -> ok = gen_tcp:send(Socket, packet(<<"strue">>))
    end,
    <<$N, _Flags:64, Challenge:32, _Creation:32, _/binary>> = recv_packet(Socket),
    ok = gen_tcp:send(Socket, packet([<<$r, 1:32>>, digest(Challenge)])),
    <<$a, Digest:16/binary>> = recv_packet(Socket),
    Digest = digest(1),
    Socket.

send_name(Socket, Self, Flags) ->
    gen_tcp:send(Socket, name_packet(Self, Flags)).

name_packet(Self, Flags) ->
    Name = atom_to_binary(Self, latin1),
    packet([<<$N, Flags:64, 7:32, (byte_size(Name)):16>>, Name]).

packet(Body) ->
    [<<(iolist_size(Body)):16>>, Body].

recv_packet(Socket) ->
    {ok, <<Length:16>>} = gen_tcp:recv(Socket, 2, 5000),
    {ok, Body} = gen_tcp:recv(Socket, Length, 5000),
    Body.

digest(Challenge) ->
    erlang:md5([?COOKIE, integer_to_list(Challenge)]).

frame(Control) ->
    bytes_frame([<<112>>, term_to_binary(Control)]).

frame(Control, Message) ->
    bytes_frame([<<112>>, term_to_binary(Control), term_to_binary(Message)]).

bytes_frame(Body) ->
    [<<(iolist_size(Body)):32>>, Body].

send(Socket, Bytes) ->
    gen_tcp:send(Socket, Bytes).

%% The next frame that is no tick: {Control, Message | none}.
recv_frame(Socket, TimeoutMs) ->
    case gen_tcp:recv(Socket, 4, TimeoutMs) of
        {ok, <<0:32>>} ->
            recv_frame(Socket, TimeoutMs);
        {ok, <<Length:32>>} ->
            {ok, <<112, Terms/binary>>} = gen_tcp:recv(Socket, Length, TimeoutMs),
            {Control, Used} = binary_to_term(Terms, [used]),
            case Terms of
                <<_:Used/binary>> -> {Control, none};
                <<_:Used/binary, Message/binary>> -> {Control, binary_to_term(Message)}
            end;
        {error, _} = Error ->
            Error
    end.

%% Whether the other side closes within the time; what it still sends is dropped.
closed(Socket, TimeoutMs) ->
    Deadline = erlang:monotonic_time(millisecond) + TimeoutMs,
    closed_by(Socket, Deadline).

closed_by(Socket, Deadline) ->
    case gen_tcp:recv(Socket, 0, max(0, Deadline - erlang:monotonic_time(millisecond))) of
        {ok, _} -> closed_by(Socket, Deadline);
        {error, timeout} -> false;
        {error, _} -> true
    end.

%% A pid and a reference of the node Node.
pid(Node, Number) ->
    binary_to_term(iolist_to_binary([<<131, 88>>, atom_etf(Node), <<Number:32, 0:32, 7:32>>])).

ref(Node, Number) ->
    binary_to_term(iolist_to_binary([<<131, 90, 3:16>>, atom_etf(Node), <<7:32, Number:32, 0:32, 0:32>>])).

atom_etf(Node) ->
    Name = atom_to_binary(Node, utf8),
    [<<119, (byte_size(Name))>>, Name].
