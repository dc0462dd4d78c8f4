using System.Collections.Generic;
using Sos.RemoteConsole.Telnet;
using Sos.RemoteConsole.Text;
using Xunit;

namespace Sos.RemoteConsole.Tests;

/// <summary>Telnet's commands, and that no loop of answers comes of its options.</summary>
public sealed class TelnetProtocolTests
{
    private const byte Iac = 255;
    private const byte Dont = 254;
    private const byte Do = 253;
    private const byte Wont = 252;
    private const byte Will = 251;

    [Fact]
    public void CommandsAreTakenOutOfTheText()
    {
        Assert.Equal("ab"u8.ToArray(), Take([(byte)'a', Iac, 241, Iac, Will, 31, Iac, 250, 31, 0, 80, Iac, Iac, 24, Iac, 240, (byte)'b']).Keys);
        Assert.Equal([255], Take([Iac, Iac]).Keys);
        Assert.Equal([3, 8, 21], Take([Iac, 244, Iac, 247, Iac, 248]).Keys); // interrupt, erase character, erase line
        Assert.Equal("\r\n[yes]\r\n"u8.ToArray(), Take([Iac, 246]).Answer);
        Assert.Equal(1, Take([Iac, 243]).Breaks);
    }

    [Fact]
    public void OptionsThatAreNotOursAreDeclined()
    {
        Assert.Equal([Iac, Wont, 24], Take([Iac, Do, 24]).Answer);
        Assert.Equal([Iac, Dont, 31], Take([Iac, Will, 31]).Answer);
        Assert.Empty(Take([Iac, Dont, 24, Iac, Wont, 31]).Answer);
    }

    [Fact]
    public void OurOffersAreNotOfferedAgain()
    {
        Assert.Empty(Take([Iac, Do, 1, Iac, Do, 3, Iac, Do, 1]).Answer);
        Assert.Empty(Take([Iac, Dont, 1, Iac, Dont, 1, Iac, Dont, 3]).Answer);
        Assert.Equal([Iac, Will, 1], Take([Iac, Dont, 1, Iac, Do, 1, Iac, Do, 1]).Answer);
    }

    [Fact]
    public void WeEchoOnceTheClientAgrees()
    {
        TelnetProtocol protocol = default;
        TextOutput output = default;
        Assert.False(protocol.Echoes);
        foreach (byte value in (byte[])[Iac, Do, 1])
        {
            _ = protocol.Take(value, ref output, out _);
        }

        Assert.True(protocol.Echoes);
    }

    private static (byte[] Keys, byte[] Answer, int Breaks) Take(byte[] bytes)
    {
        TelnetProtocol protocol = default;
        TextOutput output = default;
        List<byte> keys = [];
        int breaks = 0;
        foreach (byte value in bytes)
        {
            TelnetKey kind = protocol.Take(value, ref output, out byte key);
            breaks += kind == TelnetKey.Break ? 1 : 0;
            if (kind == TelnetKey.Data)
            {
                keys.Add(key);
            }
        }

        byte[] answer = new byte[TextOutput.Capacity];
        return ([.. keys], answer[..output.Take(answer)], breaks);
    }
}
