using System;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using Sos.Ssh.Transport;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Connection;

/// <summary>RFC 4254: the channels of a connection, all of the kind "session". Forwarding of any sort is refused.</summary>
internal struct ChannelTable
{
    private const uint Prohibited = 1; // RFC 4254, 5.1
    private const uint UnknownType = 3;
    private const uint ResourceShortage = 4;
    private const uint StandardError = 1;

    private Channels _channels;
    private bool _takesNoMore;

    /// <summary>A channel.</summary>
    [UnscopedRef]
    public ref SshChannel this[int index] => ref _channels[index];

    /// <summary>Begins anew.</summary>
    public void Start()
    {
        _takesNoMore = false;
        for (int i = 0; i < SshSession.ChannelsMax; i++)
        {
            _channels[i].IsOpen = false;
            _channels[i].Events = 0;
        }
    }

    /// <summary>Handles a message after log-in.</summary>
    public void Handle(ref SshTransport transport, ReadOnlySpan<byte> message, uint sequence, ref AuthorizedKey key)
    {
        WireReader reader = new(message);
        MessageNumber number = (MessageNumber)reader.ReadByte();
        bool isRight = number switch
        {
            MessageNumber.GlobalRequest => TakeGlobalRequest(ref transport, ref reader),
            MessageNumber.ChannelOpen => TakeOpen(ref transport, ref reader),
            MessageNumber.ChannelWindowAdjust => TakeWindowAdjust(ref reader),
            MessageNumber.ChannelData => TakeData(ref reader, false),
            MessageNumber.ChannelExtendedData => TakeData(ref reader, true),
            MessageNumber.ChannelEnd => TakeEnd(ref reader),
            MessageNumber.ChannelClose => TakeClose(ref reader),
            MessageNumber.ChannelRequest => TakeRequest(ref transport, ref reader, ref key),
            MessageNumber.ExtensionInfo or MessageNumber.ServiceRequest or MessageNumber.ServiceAccept or MessageNumber.RequestSuccess
                or MessageNumber.RequestFailure or MessageNumber.ChannelOpenConfirmation or MessageNumber.ChannelOpenFailure
                or MessageNumber.ChannelSuccess or MessageNumber.ChannelFailure => false,
            >= MessageNumber.AuthenticationRequest and < MessageNumber.GlobalRequest => false,
            _ => Unimplemented(ref transport, sequence),
        };
        if (!isRight)
        {
            transport.End(EndReason.ProtocolError);
        }
    }

    /// <summary>Sends what became due: windows, and the end of what the host ended.</summary>
    public void Flush(ref SshTransport transport)
    {
        for (int i = 0; i < SshSession.ChannelsMax; i++)
        {
            ref SshChannel channel = ref _channels[i];
            if (!channel.IsOpen || transport.DataRoom == 0)
            {
                continue;
            }

            int window = channel.IsCloseReceived || channel.IsCloseSent ? 0 : channel.TakeWindow();
            if (window > 0)
            {
                WireWriter writer = new(transport.BeginMessage(1 + sizeof(uint) + sizeof(uint)));
                writer.Write(MessageNumber.ChannelWindowAdjust);
                writer.Write(channel.RemoteId);
                writer.Write((uint)window);
                transport.EndMessage();
            }

            if (!channel.IsCloseSent && (channel.IsExiting || channel.IsCloseReceived))
            {
                SendExit(ref transport, ref channel);
                channel.IsCloseSent = true;
            }

            if (channel.IsCloseSent && channel.IsCloseReceived)
            {
                channel.IsOpen = false;
            }
        }
    }

    /// <summary>Sends data of a channel, as much as there is room for.</summary>
    public int Write(ref SshTransport transport, int index, ReadOnlySpan<byte> data, bool isError)
    {
        ref SshChannel channel = ref _channels[index];
        int header = 1 + sizeof(uint) + sizeof(uint) + (isError ? sizeof(uint) : 0);
        int room = transport.DataRoom - header;
        if (!channel.IsOpen || channel.IsCloseReceived || channel.IsExiting || room <= 0)
        {
            return 0;
        }

        int count = (int)Math.Min(Math.Min((uint)data.Length, (uint)room), Math.Min(channel.RemoteWindow, channel.RemotePacketMax));
        if (count == 0)
        {
            return 0;
        }

        WireWriter writer = new(transport.BeginMessage(header + count));
        writer.Write(isError ? MessageNumber.ChannelExtendedData : MessageNumber.ChannelData);
        writer.Write(channel.RemoteId);
        if (isError)
        {
            writer.Write(StandardError);
        }

        writer.WriteString(data[..count]);
        transport.EndMessage();
        channel.RemoteWindow -= (uint)count;
        return count;
    }

    private static bool Unimplemented(ref SshTransport transport, uint sequence)
    {
        WireWriter writer = new(transport.BeginMessage(1 + sizeof(uint)));
        writer.Write(MessageNumber.Unimplemented);
        writer.Write(sequence);
        transport.EndMessage();
        return true;
    }

    private bool TakeGlobalRequest(ref SshTransport transport, ref WireReader reader)
    {
        ReadOnlySpan<byte> name = reader.ReadString();
        bool wantsReply = reader.ReadBoolean();
        if (!reader.IsValid)
        {
            return false;
        }

        _takesNoMore |= name.SequenceEqual("no-more-sessions@openssh.com"u8);
        if (wantsReply)
        {
            transport.BeginMessage(1)[0] = (byte)MessageNumber.RequestFailure;
            transport.EndMessage();
        }

        return true;
    }

    private bool TakeOpen(ref SshTransport transport, ref WireReader reader)
    {
        ReadOnlySpan<byte> type = reader.ReadString();
        uint remoteId = reader.ReadUInt32();
        uint window = reader.ReadUInt32();
        uint packetMax = reader.ReadUInt32();
        bool isSession = type.SequenceEqual("session"u8);
        if (!reader.IsValid || (isSession && !reader.IsComplete))
        {
            return false;
        }

        bool isForwarding = type.SequenceEqual("direct-tcpip"u8) || type.SequenceEqual("forwarded-tcpip"u8) || type.SequenceEqual("x11"u8)
            || type.SequenceEqual("direct-streamlocal@openssh.com"u8) || type.SequenceEqual("tun@openssh.com"u8);
        int free = -1;
        for (int i = SshSession.ChannelsMax - 1; i >= 0; i--)
        {
            free = !_channels[i].IsOpen && _channels[i].Events == 0 ? i : free;
        }

        uint refusal = isForwarding || (isSession && _takesNoMore) ? Prohibited : !isSession ? UnknownType : free < 0 ? ResourceShortage : 0;
        if (refusal != 0)
        {
            RefuseOpen(ref transport, remoteId, refusal);
            return true;
        }

        _channels[free].Open(remoteId, window, packetMax);
        WireWriter writer = new(transport.BeginMessage(1 + (4 * sizeof(uint))));
        writer.Write(MessageNumber.ChannelOpenConfirmation);
        writer.Write(remoteId);
        writer.Write((uint)free);
        writer.Write((uint)SshChannel.InputSize);
        writer.Write((uint)SshChannel.InputSize);
        transport.EndMessage();
        return true;
    }

    private static void RefuseOpen(ref SshTransport transport, uint remoteId, uint reason)
    {
        ReadOnlySpan<byte> text = reason switch
        {
            Prohibited => "this console forwards nothing"u8,
            UnknownType => "sessions only"u8,
            _ => "too many sessions: close one"u8,
        };
        WireWriter writer = new(transport.BeginMessage(1 + (2 * sizeof(uint)) + WireWriter.StringSize(text) + sizeof(uint)));
        writer.Write(MessageNumber.ChannelOpenFailure);
        writer.Write(remoteId);
        writer.Write(reason);
        writer.WriteString(text);
        writer.WriteString(default);
        transport.EndMessage();
    }

    // The channel that a message names. None may name one after it said that it closes it.
    private bool TryFind(ref WireReader reader, out int index)
    {
        uint id = reader.ReadUInt32();
        index = (int)Math.Min(id, int.MaxValue);
        return reader.IsValid && id < SshSession.ChannelsMax && _channels[index].IsOpen && !_channels[index].IsCloseReceived;
    }

    private bool TakeWindowAdjust(ref WireReader reader)
    {
        bool isFound = TryFind(ref reader, out int index);
        uint count = reader.ReadUInt32();
        if (!isFound || !reader.IsComplete || count > uint.MaxValue - _channels[index].RemoteWindow)
        {
            return false;
        }

        _channels[index].RemoteWindow += count;
        return true;
    }

    private bool TakeData(ref WireReader reader, bool isExtended)
    {
        bool isFound = TryFind(ref reader, out int index);
        if (isExtended)
        {
            reader.ReadUInt32();
        }

        ReadOnlySpan<byte> data = reader.ReadString();
        if (!isFound || !reader.IsComplete)
        {
            return false;
        }

        ref SshChannel channel = ref _channels[index];
        if (channel.HasInputEnded || data.Length > channel.Window)
        {
            return false;
        }

        // A client has no standard error, and what was ended reads no more.
        if (isExtended || channel.IsExiting)
        {
            channel.Discard(data.Length);
        }
        else
        {
            channel.Append(data);
        }

        return true;
    }

    private bool TakeEnd(ref WireReader reader)
    {
        if (!TryFind(ref reader, out int index) || !reader.IsComplete || _channels[index].HasInputEnded)
        {
            return false;
        }

        _channels[index].HasInputEnded = true;
        _channels[index].Tell(SshEventKind.EndOfInput);
        return true;
    }

    private bool TakeClose(ref WireReader reader)
    {
        if (!TryFind(ref reader, out int index) || !reader.IsComplete)
        {
            return false;
        }

        ref SshChannel channel = ref _channels[index];
        channel.IsCloseReceived = true;
        channel.Events = 0;
        if (channel.IsStarted && !channel.IsExiting)
        {
            channel.Tell(SshEventKind.Closed);
        }

        return true;
    }

    private bool TakeRequest(ref SshTransport transport, ref WireReader reader, ref AuthorizedKey key)
    {
        bool isFound = TryFind(ref reader, out int index);
        ReadOnlySpan<byte> name = reader.ReadString();
        bool wantsReply = reader.ReadBoolean();
        if (!isFound || !reader.IsValid)
        {
            return false;
        }

        ref SshChannel channel = ref _channels[index];
        bool isDone = ChannelRequests.Handle(ref channel, name, ref reader, ref key);
        if (!reader.IsValid)
        {
            return false;
        }

        if (wantsReply && !channel.IsCloseSent)
        {
            WireWriter writer = new(transport.BeginMessage(1 + sizeof(uint)));
            writer.Write(isDone ? MessageNumber.ChannelSuccess : MessageNumber.ChannelFailure);
            writer.Write(channel.RemoteId);
            transport.EndMessage();
        }

        return true;
    }

    // RFC 4254, 6.10 and 5.3: the status, the end of the data, and the channel is closed.
    private static void SendExit(ref SshTransport transport, ref SshChannel channel)
    {
        if (channel.IsExiting && !channel.IsCloseReceived)
        {
            ReadOnlySpan<byte> name = "exit-status"u8;
            WireWriter status = new(transport.BeginMessage(1 + sizeof(uint) + WireWriter.StringSize(name) + 1 + sizeof(uint)));
            status.Write(MessageNumber.ChannelRequest);
            status.Write(channel.RemoteId);
            status.WriteString(name);
            status.Write(false);
            status.Write(channel.ExitStatus);
            transport.EndMessage();
            WireWriter end = new(transport.BeginMessage(1 + sizeof(uint)));
            end.Write(MessageNumber.ChannelEnd);
            end.Write(channel.RemoteId);
            transport.EndMessage();
        }

        WireWriter close = new(transport.BeginMessage(1 + sizeof(uint)));
        close.Write(MessageNumber.ChannelClose);
        close.Write(channel.RemoteId);
        transport.EndMessage();
    }

    [InlineArray(SshSession.ChannelsMax)]
    private struct Channels
    {
        private SshChannel _element;
    }
}
