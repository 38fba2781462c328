%% Writes to the program's port without ever being suspended: what a program that does not
%% read leaves waits here, and is tried again when the caller gets `write_again'.
-module(supervisorring_writer).

-export([new/0, write/3, write_again/2]).

-record(writer, {frames = queue:new() :: queue:queue(binary()), bytes = 0 :: non_neg_integer()}).
-opaque writer() :: #writer{}.
-export_type([writer/0]).

-define(RETRY_MS, 1).
%% A program that does not read is killed after a second; this much does not come in that time.
-define(MAX_BYTES, 268435456).

%% Nothing waits.
-spec new() -> writer().
new() ->
    #writer{}.

%% One input, one frame. Bytes is what waits when that is too much.
-spec write(port(), Input :: tuple(), writer()) -> writer() | {over, Bytes :: pos_integer()}.
write(Port, Input, #writer{frames = Frames, bytes = Bytes} = Writer) ->
    Frame = term_to_binary(Input, [{minor_version, 2}]),
    case Bytes =:= 0 andalso command(Port, Frame) of
        true ->
            Writer;
        false when Bytes + byte_size(Frame) > ?MAX_BYTES ->
            {over, Bytes + byte_size(Frame)};
        false ->
            Bytes =:= 0 andalso again(),
            #writer{frames = queue:in(Frame, Frames), bytes = Bytes + byte_size(Frame)}
    end.

%% Tries what waits.
-spec write_again(port() | undefined, writer()) -> writer().
write_again(Port, #writer{frames = Frames, bytes = Bytes} = Writer) ->
    case queue:peek(Frames) of
        {value, Frame} ->
            case command(Port, Frame) of
                true ->
                    Rest = Writer#writer{frames = queue:drop(Frames), bytes = Bytes - byte_size(Frame)},
                    write_again(Port, Rest);
                false ->
                    again(),
                    Writer
            end;
        empty ->
            Writer
    end.

again() ->
    erlang:send_after(?RETRY_MS, self(), write_again).

%% A port that has just closed says so by a message of its own.
command(Port, Frame) ->
    try port_command(Port, Frame, [nosuspend])
    catch error:badarg -> true
    end.
