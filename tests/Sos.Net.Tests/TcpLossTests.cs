using System;
using Sos.Net.Wire;
using Xunit;

namespace Sos.Net.Tests;

/// <summary>Whole streams, there and back, over a cable that loses, doubles and reorders.</summary>
public sealed class TcpLossTests
{
    public static TheoryData<int, double, double, int, int> Links
    {
        get
        {
            TheoryData<int, double, double, int, int> links = [];
            for (int seed = 0; seed < 12; seed++)
            {
                links.Add(seed, 0.05, 0.05, 20, 536 + (seed * 80));
                links.Add(100 + seed, 0.25, 0.2, 60, 1400);
            }

            links.Add(7, 0, 0, 0, 1460);
            return links;
        }
    }

    [Theory]
    [MemberData(nameof(Links))]
    public void AStreamComesBackWhole(int seed, double loss, double duplicates, int delayMaxMs, int segmentSize)
    {
        Random random = new(seed);
        byte[] stream = new byte[60_000];
        random.NextBytes(stream);
        TcpOptions offer = new()
        {
            SegmentSizeMax = (ushort)segmentSize,
            HasTimestamp = seed % 2 == 0,
            SackPermitted = seed % 3 == 0,
            HasWindowScale = seed % 4 == 0,
        };
        using TestEndpoint endpoint = new();
        StreamClient client = new(stream, offer, segmentSize - 12);
        LossyLink there = new(random, loss, duplicates, (ulong)delayMaxMs);
        LossyLink back = new(random, loss, duplicates, (ulong)delayMaxMs);
        for (ulong end = endpoint.Ms + 3_600_000; !(client.IsDone && client.PeerEnded && endpoint.Endpoint.Connections == 0);)
        {
            Assert.True(endpoint.Ms < end && !client.WasReset, $"{client.Received.Count} bytes came back");
            there.Send(client.Send(endpoint.Ms), endpoint.Ms);
            foreach (byte[] frame in there.Receive(endpoint.Ms))
            {
                back.Send(endpoint.Give(frame), endpoint.Ms);
            }

            back.Send(endpoint.Run(1, step: 1), endpoint.Ms);
            foreach (byte[] frame in back.Receive(endpoint.Ms))
            {
                client.Take(frame);
            }
        }

        Assert.Equal(stream, client.Received);
        Assert.Equal(1, endpoint.Context.Closed);
    }
}
