using System;
using System.Diagnostics;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using Sos.Traffic.Clients;
using Xunit;

namespace Sos.Demo.Tests;

public sealed class ClientsTests
{
    [Theory]
    [InlineData("HTTP/1.0 200 OK\r\nA: b\r\n\r\nabcd", true)]
    [InlineData("HTTP/1.0 200 OK\r\nA: b\r\n\r\nabc", false)] // cut short
    [InlineData("HTTP/1.0 404 Not Found\r\n\r\nabcd", false)]
    [InlineData("HTTP/1.0 200 OK\r\n", false)]
    [InlineData("", false)]
    public void APageCountsWhenAllOfItCame(string answer, bool whole) =>
        Assert.Equal(whole, HttpClient.IsWhole(Encoding.ASCII.GetBytes(answer), 4));

    [Fact]
    public void AnEchoRequestHasARightChecksum()
    {
        byte[] message = PingClient.Build(0x1234, 0xfffe);
        uint sum = 0;
        for (int i = 0; i < message.Length; i += 2)
        {
            sum += (uint)((message[i] << 8) | message[i + 1]);
        }

        Assert.Equal(0xffffu, (sum & 0xffff) + (sum >> 16));
    }

    [Fact]
    public async Task RequestsAreIssuedThoughEarlierOnesHang()
    {
        TimeSpan deadline = TimeSpan.FromMilliseconds(200);
        OpenLoop loop = new(Stopwatch.StartNew(), deadline);
        await loop.RunAsync(RequestKind.Http, 100, TimeSpan.FromMilliseconds(300), async (number, cancelled) =>
        {
            if (number % 2 == 0)
            {
                return true;
            }

            try
            {
                await Task.Delay(TimeSpan.FromMinutes(1), cancelled);
            }
            catch (OperationCanceledException)
            {
                return false;
            }

            return true;
        });
        Assert.InRange(loop.Done.Count, 29, 30);
        Assert.All(
            loop.Done.Where(request => !request.Served), request => Assert.Equal(deadline.TotalMilliseconds, request.LatencyMs));
        Assert.InRange(loop.Done.Count(request => !request.Served), 14, 30);
    }

    [Fact]
    public async Task AKeystrokeIsAnsweredByItsOwnEcho()
    {
        using SessionClient session = new(["cat"]);
        using System.Threading.CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        Assert.True(await session.AskAsync(1, limit.Token));
        Assert.True(await session.AskAsync(2, limit.Token));
        Assert.Equal(1, session.Opened);
    }

    [Fact]
    public async Task ASessionThatEndedIsOpenedAnew()
    {
        using SessionClient session = new(["head", "-n", "1"]);
        using System.Threading.CancellationTokenSource limit = new(TimeSpan.FromSeconds(30));
        Assert.True(await session.AskAsync(1, limit.Token));
        bool served = false;
        for (long number = 2; !served && !limit.IsCancellationRequested; number++)
        {
            using System.Threading.CancellationTokenSource brief = new(TimeSpan.FromMilliseconds(500));
            served = await session.AskAsync(number, brief.Token);
        }

        Assert.True(served);
        Assert.True(session.Opened >= 2);
    }
}
