using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.Network;

/// <summary>
/// Linux's routing socket (rtnetlink(7)) in the network namespace that this thread is in. Giving a network device back needs no program: what is not in PATH
/// then would leave a host without its network.
/// </summary>
/// <param name="protocol">NETLINK_ROUTE, unless another family of netlink is asked in the same words.</param>
internal sealed unsafe class RouteSocket(int protocol = 0) : IDisposable
{
    /// <summary>NLM_F_REQUEST.</summary>
    public const ushort Request = 1;

    /// <summary>NLM_F_REQUEST | NLM_F_ACK.</summary>
    public const ushort Change = 5;

    /// <summary>Change, and NLM_F_EXCL | NLM_F_CREATE.</summary>
    public const ushort Create = Change | 0x600;

    /// <summary>Change, and NLM_F_REPLACE | NLM_F_CREATE.</summary>
    public const ushort Replace = Change | 0x500;

    /// <summary>NLM_F_REQUEST | NLM_F_DUMP.</summary>
    public const ushort Dump = Request | 0x300;

    /// <summary>Change, and NLM_F_CREATE | NLM_F_APPEND: beside what there is of the same destination.</summary>
    public const ushort Append = Change | 0xc00;

    private const int ChangedMeanwhile = 0x10; // NLM_F_DUMP_INTR: what was listed changed as it was listed
    private const int ListTriesMax = 10;
    private const ushort ErrorType = 2; // NLMSG_ERROR
    private const ushort DoneType = 3; // NLMSG_DONE
    private const int AnswerSize = 64 << 10;

    private readonly FileDescriptor _socket = FileDescriptor.Raise(
        NetworkCalls.Socket(NetworkCalls.FamilyNetlink, NetworkCalls.TypeRaw | NetworkCalls.CloseOnExec, protocol), "making a netlink socket");

    private readonly byte[] _answer = new byte[AnswerSize];
    private bool _changedMeanwhile;

    /// <summary>Makes a change.</summary>
    /// <returns>0 or an errno.</returns>
    public int TryChange(RouteMessage message) => Exchange(message, isDump: false, []);

    /// <summary>Asks for one thing.</summary>
    /// <returns>The answer behind its header; null when there is no such thing.</returns>
    /// <exception cref="SosException">Linux does not say.</exception>
    public byte[]? TryQuery(RouteMessage message)
    {
        byte[]? answer = TryQuery(message, out int errno);
        return errno is 0 or Errno.NoEntry or Errno.NoDevice or Errno.NoDeviceOrAddress
            ? answer
            : throw Errno.ToException("asking Linux for a network device", errno, null);
    }

    /// <summary>Asks for one thing.</summary>
    /// <param name="message">The question.</param>
    /// <param name="errno">Why there is no answer.</param>
    /// <returns>The answer behind its header; null without one.</returns>
    public byte[]? TryQuery(RouteMessage message, out int errno)
    {
        List<byte[]> answers = [];
        errno = Exchange(message, isDump: false, answers);
        return errno == 0 && answers.Count > 0 ? answers[0] : null;
    }

    /// <summary>Asks for all things of a kind.</summary>
    /// <returns>Each behind its header.</returns>
    public IReadOnlyList<byte[]> QueryAll(RouteMessage message)
        => TryQueryAll(message, out int errno) ?? throw Errno.ToException("asking Linux for what is on its network devices", errno, null);

    /// <summary>Asks for all things of a kind, of which this kernel may have none.</summary>
    /// <param name="message">The question.</param>
    /// <param name="errno">Why there is no answer.</param>
    /// <returns>Each behind its header; null without an answer.</returns>
    public IReadOnlyList<byte[]>? TryQueryAll(RouteMessage message, out int errno)
    {
        for (int tries = 1; ; tries++)
        {
            List<byte[]> answers = [];
            _changedMeanwhile = false;
            errno = Exchange(message, isDump: true, answers);
            if (errno != 0)
            {
                return null;
            }

            if (!_changedMeanwhile || tries == ListTriesMax)
            {
                return answers;
            }
        }
    }

    /// <summary>Finds an attribute.</summary>
    /// <param name="attributes">Attributes, one behind the other.</param>
    /// <param name="type">Its type.</param>
    /// <returns>Its value; empty when it is not there.</returns>
    public static ReadOnlySpan<byte> Find(ReadOnlySpan<byte> attributes, ushort type)
    {
        const int header = 4;
        while (attributes.Length >= header)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(attributes);
            if (length < header || length > attributes.Length)
            {
                break;
            }

            if ((BinaryPrimitives.ReadUInt16LittleEndian(attributes[2..]) & 0x3fff) == type)
            {
                return attributes[header..length];
            }

            attributes = attributes[Math.Min((length + 3) & ~3, attributes.Length)..];
        }

        return [];
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    private int Exchange(RouteMessage message, bool isDump, List<byte[]> answers)
    {
        if (FaultPoint.Check("netlink") is var fault and not 0)
        {
            return fault;
        }

        byte[] request = message.ToArray();
        fixed (byte* start = request)
        {
            if (NetworkCalls.Send(_socket.Descriptor, start, (nuint)request.Length, 0) < 0)
            {
                return Marshal.GetLastPInvokeError();
            }
        }

        while (true)
        {
            int received;
            fixed (byte* start = _answer)
            {
                received = (int)NetworkCalls.Receive(_socket.Descriptor, start, AnswerSize, 0);
            }

            if (received < 0 && Marshal.GetLastPInvokeError() == Errno.Interrupted)
            {
                continue;
            }

            if (received <= 0)
            {
                return received < 0 ? Marshal.GetLastPInvokeError() : Errno.InputOutput;
            }

            if (Take(_answer.AsSpan(0, received), isDump, answers) is { } errno)
            {
                return errno;
            }
        }
    }

    /// <summary>Takes the messages of one datagram.</summary>
    /// <returns>0 or an errno at the end of the answer; null when more is to come.</returns>
    private int? Take(ReadOnlySpan<byte> datagram, bool isDump, List<byte[]> answers)
    {
        while (datagram.Length >= RouteMessage.HeaderSize)
        {
            int length = BinaryPrimitives.ReadInt32LittleEndian(datagram);
            if (length < RouteMessage.HeaderSize || length > datagram.Length)
            {
                return Errno.InputOutput;
            }

            ReadOnlySpan<byte> body = datagram[RouteMessage.HeaderSize..length];
            _changedMeanwhile |= (BinaryPrimitives.ReadUInt16LittleEndian(datagram[6..]) & ChangedMeanwhile) != 0;
            switch (BinaryPrimitives.ReadUInt16LittleEndian(datagram[4..]))
            {
                case ErrorType:
                    return body.Length >= sizeof(int) ? -BinaryPrimitives.ReadInt32LittleEndian(body) : Errno.InputOutput;
                case DoneType:
                    return 0;
                default:
                    answers.Add(body.ToArray());
                    break;
            }

            datagram = datagram[Math.Min((length + 3) & ~3, datagram.Length)..];
        }

        return isDump || answers.Count == 0 ? null : 0;
    }
}
