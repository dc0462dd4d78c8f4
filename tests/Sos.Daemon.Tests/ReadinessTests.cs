using System;
using System.IO;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Sos.Daemon.Tests;

public sealed class ReadinessTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void TheServiceManagerHearsThatTheNetworkMayCome(bool isAbstract)
    {
        string path = Path.Combine(Path.GetTempPath(), $"sos-notify-{Guid.NewGuid():N}");
        using Socket manager = new(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        manager.Bind(new UnixDomainSocketEndPoint(isAbstract ? '\0' + path : path));
        try
        {
            Readiness.Tell(isAbstract ? '@' + path : path);
            byte[] message = new byte[64];
            Assert.Equal("READY=1", Encoding.ASCII.GetString(message, 0, manager.Receive(message)));
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("/nonexistent/socket")]
    public void NobodyNeedListen(string? path) => Readiness.Tell(path);
}
