using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;
using Sos.Sdk.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>
/// In each state of a connection, a right segment with one or two fields changed to each of their telling values: most flaws that other small stacks
/// had need no more than that. Nothing traps, nothing is sent without measure, no buffer is lost, and a segment that says nothing right changes nothing.
/// </summary>
public sealed class TcpMutationTests
{
    private delegate void Change(byte[] segment);

    /// <summary>The states, and how a client gets there.</summary>
    private static readonly (string Name, Action<TestEndpoint, TcpClient> Enter)[] States =
    [
        ("none", (_, _) => { }),
        ("half open", (_, client) => client.Open()),
        ("established", (_, client) => client.Connect()),
        ("data on its way", (_, client) => client.Connect().Send(TcpFlags.Ack, "hello")),
        ("data early", (_, client) => client.Connect().SendAt(client.Sequence + 5, TcpFlags.Ack, "later"u8.ToArray())),
        ("window closed", (_, client) =>
        {
            client.Window = 0;
            client.Connect().Send(TcpFlags.Ack, "hello");
        }),
        ("close wait", (endpoint, client) =>
        {
            endpoint.Context.Chatter = 10_000;
            _ = client.Connect().Send(TcpFlags.Ack | TcpFlags.Fin);
        }),
        ("last ack", (_, client) => client.Connect().Send(TcpFlags.Ack | TcpFlags.Fin)),
        ("fin wait 1", (endpoint, client) => End(endpoint, client)),
        ("fin wait 2", (endpoint, client) =>
        {
            End(endpoint, client);
            client.Expected++;
            _ = client.Send(TcpFlags.Ack);
        }),
        ("closing", (endpoint, client) =>
        {
            End(endpoint, client);
            _ = client.Send(TcpFlags.Ack | TcpFlags.Fin);
        }),
        ("time wait", (endpoint, client) =>
        {
            End(endpoint, client);
            client.Expected++;
            _ = client.Send(TcpFlags.Ack | TcpFlags.Fin);
        }),
    ];

    public static TheoryData<string> StateNames => [.. States.Select(state => state.Name)];

    [Theory]
    [MemberData(nameof(StateNames))]
    public void OneOrTwoChangedFieldsDoNoHarm(string state)
    {
        Action<TestEndpoint, TcpClient> enter = States.Single(candidate => candidate.Name == state).Enter;
        List<List<Change>> fields = [.. Fields()];
        IEnumerable<Change[]> one = fields.SelectMany(field => field).Select(change => new[] { change });
        IEnumerable<Change[]> two = fields.SelectMany((first, i) => fields.Skip(i + 1)
            .SelectMany(second => first.SelectMany(a => second.Select(b => new[] { a, b }))));
        using TestEndpoint endpoint = new();
        ushort port = 1000;
        foreach (Change[] changes in one.Concat(two))
        {
            port = port == 60_000 ? (ushort)1000 : (ushort)(port + 1);
            TcpClient client = new(endpoint, port);
            enter(endpoint, client);
            byte[] segment = Segment(client);
            foreach (Change change in changes)
            {
                change(segment);
            }

            int answers = endpoint.Give(Frames.TcpBytes(segment)).Count;
            Assert.InRange(answers, 0, 8);
            Finish(endpoint);
        }
    }

    [Fact]
    public void AWrongChecksumChangesNothingInAnyState()
    {
        foreach ((string _, Action<TestEndpoint, TcpClient> enter) in States)
        {
            using TestEndpoint endpoint = new();
            TcpClient client = new(endpoint);
            enter(endpoint, client);
            _ = endpoint.Poll();
            int received = endpoint.Context.Received;
            for (int flags = 0; flags < 256; flags++)
            {
                byte[] frame = Frames.Tcp(client.Header((TcpFlags)flags), "evil"u8);
                frame[50] ^= 0x55;
                Assert.Empty(endpoint.Give(frame));
            }

            Assert.Equal(received, endpoint.Context.Received);
        }
    }

    /// <summary>A segment with data and every option, as the client would send it next.</summary>
    private static byte[] Segment(TcpClient client)
    {
        byte[] segment = new byte[20 + 24 + 8];
        (client.Header(TcpFlags.Ack | TcpFlags.Psh) with { HeaderLength = 44 }).Write(segment);
        byte[] options = [2, 4, 5, 180, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0];
        options.CopyTo(segment, 20);
        return segment;
    }

    private static IEnumerable<List<Change>> Fields()
    {
        uint[] numbers = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff, 0xffff_fff0, 16_383, 16_384, 16_385];
        yield return [.. numbers.Select(value => new Change(segment => Add(segment, 4, value)))]; // sequence, relative
        yield return [.. numbers.Select(value => new Change(segment => Add(segment, 8, value)))]; // acknowledgment, relative
        yield return [.. Enumerable.Range(0, 16).Select(value => new Change(segment => segment[12] = (byte)(value << 4)))]; // data offset
        yield return [.. Enumerable.Range(0, 64).Select(value => new Change(segment => segment[13] = (byte)value))]; // flags
        yield return [.. new[] { 0, 1, 0x7fff, 0xffff }.Select(value => new Change(segment => Set16(segment, 14, value)))]; // window
        yield return [.. new[] { 0, 1, 8, 0xffff }.Select(value => new Change(segment => Set16(segment, 18, value)))]; // urgent pointer
        yield return [.. new[] { 0, 1, 2, 5, 255 }.Select(value => new Change(segment => segment[20] = (byte)value))]; // first option's kind
        yield return [.. new[] { 0, 1, 2, 3, 10, 24, 255 }.Select(value => new Change(segment => segment[21] = (byte)value))]; // its length
        yield return [.. new[] { 0, 14, 15, 255 }.Select(value => new Change(segment => segment[26] = (byte)value))]; // window's shift
        yield return [new Change(segment => Set16(segment, 2, 0)), new Change(segment => Set16(segment, 0, 0)), new Change(segment => Set16(segment, 2, 24))];
    }

    private static void Add(byte[] segment, int offset, uint value)
    {
        uint old = BinaryPrimitives.ReadUInt32BigEndian(segment.AsSpan(offset));
        BinaryPrimitives.WriteUInt32BigEndian(segment.AsSpan(offset), old + value);
    }

    private static void Set16(byte[] segment, int offset, int value)
        => BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(offset), (ushort)value);

    private static void End(TestEndpoint endpoint, TcpClient client)
    {
        _ = client.Connect();
        endpoint.Context.Ends = true;
        _ = endpoint.Poll();
        endpoint.Context.Ends = false;
    }

    /// <summary>Ends whatever there is, so that the next segment finds the endpoint empty; and looks that nothing is left of it.</summary>
    private static void Finish(TestEndpoint endpoint)
    {
        endpoint.Context.Chatter = 0;
        if (endpoint.Endpoint.Connections > 8)
        {
            _ = endpoint.Run(700_000, step: 5000);
            Assert.Equal(0, endpoint.Endpoint.Connections);
            Assert.Equal(endpoint.Context.Opened, endpoint.Context.Closed);
            Assert.True(new TcpClient(endpoint, 999).Connect().IsAlive());
            _ = endpoint.Run(700_000, step: 5000);
        }
    }
}
