%% Hosts that can be cut from each other: network namespaces, each with loopback and a link to every other, as on a
%% switch of their own. A cut loses frames in silence, in both directions; nothing is refused and no connection is closed.
%%
%% Needs root and iproute2. One namespace more, the hub, holds a bridge for each pair of hosts.
-module(netns).

-export([up/1, down/1, site/2, node_name/3, cut/3, heal/3]).

-type net() :: #{hub := string(), hosts := [string()]}.
-export_type([net/0]).

%% Hosts 1 to Count; nothing else of the machine is touched.
-spec up(pos_integer()) -> {ok, net()} | {error, string()}.
up(Count) ->
    Prefix = "sr" ++ os:getpid(),
    Net = #{hub => Prefix ++ "h", hosts => [Prefix ++ "n" ++ integer_to_list(I) || I <- lists:seq(1, Count)]},
    try
        [ip(["netns add ", Name]) || Name <- names(Net)],
        [ip(["-n ", Host, " link set lo up"]) || Host <- maps:get(hosts, Net)],
        [connect(Net, I, J) || I <- lists:seq(1, Count), J <- lists:seq(I + 1, Count)],
        {ok, Net}
    catch
        error:{ip, Command, Said} ->
            down(Net),
            {error, lists:flatten(io_lib:format("~ts: ~ts", [Command, Said]))}
    end.

-spec down(net()) -> ok.
down(Net) ->
    [os:cmd("ip netns del " ++ Name) || Name <- names(Net)],
    ok.

%% For ring_cluster.
-spec site(net(), pos_integer()) -> ring_cluster:site().
site(#{hosts := Hosts}, I) ->
    #{host => address(I), enter => ["nsenter", "--net=/run/netns/" ++ lists:nth(I, Hosts)]}.

-spec node_name(net(), string(), pos_integer()) -> node().
node_name(_Net, Name, I) ->
    list_to_atom(Name ++ "@" ++ address(I)).

%% No frame passes between I and J any more.
-spec cut(net(), pos_integer(), pos_integer()) -> ok.
cut(#{hub := Hub}, I, J) ->
    ip(["-n ", Hub, " link set ", port(I, J), " nomaster"]).

-spec heal(net(), pos_integer(), pos_integer()) -> ok.
heal(#{hub := Hub}, I, J) ->
    ip(["-n ", Hub, " link set ", port(I, J), " master ", bridge(I, J)]).

names(#{hub := Hub, hosts := Hosts}) -> [Hub | Hosts].

connect(#{hub := Hub} = Net, I, J) ->
    ip(["-n ", Hub, " link add ", bridge(I, J), " type bridge"]),
    ip(["-n ", Hub, " link set ", bridge(I, J), " up"]),
    plug(Net, I, J),
    plug(Net, J, I).

%% I's link to J, and the other end of it in the bridge.
plug(#{hub := Hub, hosts := Hosts}, I, J) ->
    Host = lists:nth(I, Hosts),
    Device = "to" ++ integer_to_list(J),
    ip(["-n ", Hub, " link add ", port(I, J), " type veth peer name ", Device, " netns ", Host]),
    ip(["-n ", Hub, " link set ", port(I, J), " master ", bridge(I, J), " up"]),
    ip(["-n ", Host, " addr add ", address(I), "/32 dev ", Device]),
    ip(["-n ", Host, " link set ", Device, " up"]),
    ip(["-n ", Host, " route add ", address(J), "/32 dev ", Device, " src ", address(I)]).

address(I) -> lists:concat(["10.77.0.", I]).
port(I, J) -> lists:concat(["p", I, "_", J]).
bridge(I, J) -> lists:concat(["b", min(I, J), "_", max(I, J)]).

ip(Arguments) ->
    Command = lists:flatten(["ip " | Arguments]),
    case os:cmd(Command ++ " 2>&1") of
        "" -> ok;
        Said -> error({ip, Command, Said})
    end.
