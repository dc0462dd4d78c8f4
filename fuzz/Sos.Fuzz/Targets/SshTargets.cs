using System;
using System.Linq;
using System.Text;
using Sos.Ssh;
using Sos.Ssh.Keys;
using Sos.Ssh.Tests;

namespace Sos.Fuzz.Targets;

/// <summary>An SSH session with a client that sends what it likes at some point of the protocol, and the files that Linux's side reads.</summary>
internal static class SshTargets
{
    private const int Points = 5;
    private const int MessagesMax = 64;

    private static readonly TestClient Memory = new(SshLimits.Default with { ComputationsPerSecond = 1_000_000_000, ComputationsBurst = 1000 });

    /// <summary>
    /// The point (1 byte), and then what the client sends there: bytes as they are before the version line; messages in packets, each with its length (2 bytes,
    /// big endian) in front, everywhere else.
    /// </summary>
    public static bool Session(byte[] input)
    {
        if (input.Length < 1)
        {
            return false;
        }

        Memory.NowNs += 1_000_000;
        using TestClient client = new(Memory) { NowNs = Memory.NowNs };
        int point = input[0] % Points;
        Advance(client, point);
        FuzzException.Require(client.EndReason == EndReason.None, "a client that keeps to the protocol is served");
        if (point == 0)
        {
            client.SendRaw(input.AsSpan(1));
        }
        else
        {
            SendMessages(client, input.AsSpan(1));
        }

        Serve(ref client.Memory.Session);
        client.Pump();
        FuzzException.Require(client.Memory.Session.IsLoggedIn == (point == 4), "nobody is logged in without a signature");
        return client.EndReason == EndReason.None;
    }

    /// <summary>A file of keys that may log in.</summary>
    public static bool AuthorizedKeys(byte[] input)
    {
        string text = Encoding.UTF8.GetString(input);
        AuthorizedKeysResult result = AuthorizedKeysFile.Parse(text);
        int lines = text.Split('\n').Length;
        FuzzException.Require(result.Keys.Count + result.Refusals.Count <= lines, "a line gives a key or a refusal");
        FuzzException.Require(result.Keys.Select(key => key.PublicKey.ToString()).Distinct().Count() == result.Keys.Count, "a key counts once");
        foreach (AuthorizedKeyLine key in result.Keys)
        {
            AuthorizedKey entry = key.ToEntry();
            FuzzException.Require((entry.Options & AuthorizedKeyOptions.HasCommand) != 0 == key.Command is not null, "a command is never lost");
        }

        return result.Keys.Count > 0 && result.Refusals.Count == 0;
    }

    /// <summary>A host key's file.</summary>
    public static bool PrivateKey(byte[] input)
    {
        HostKey? key = HostKey.TryDecode(Encoding.ASCII.GetString(input), out string problem);
        FuzzException.Require(key is not null || problem.Length > 0, "a refusal says why");
        bool isSame = key is null || HostKey.TryDecode(key.Encode("again"), out _)!.Seed.SequenceEqual(key.Seed);
        FuzzException.Require(isSame, "what is read is written and read the same");
        return key is not null;
    }

    private static void Advance(TestClient client, int point)
    {
        switch (point)
        {
            case 1:
                client.SendVersion();
                break;
            case 2:
                client.Handshake();
                break;
            case 3:
                client.Handshake();
                client.SendServiceRequest();
                break;
            case 4:
                client.LogIn();
                client.OpenChannel();
                client.Send(TestClient.Request(0, "shell", true));
                break;
        }
    }

    private static void SendMessages(TestClient client, ReadOnlySpan<byte> rest)
    {
        for (int i = 0; i < MessagesMax && rest.Length >= 2; i++)
        {
            int length = Math.Min((rest[0] << 8) | rest[1], rest.Length - 2);
            client.Send(rest.Slice(2, length).ToArray());
            rest = rest[(2 + length)..];
            Serve(ref client.Memory.Session);
        }
    }

    // A host that reads, writes and ends what it is asked to.
    private static void Serve(ref SshSession session)
    {
        Span<byte> data = stackalloc byte[100];
        while (session.TryTakeEvent(out SshEvent each))
        {
            FuzzException.Require(each.Channel is >= 0 and < SshSession.ChannelsMax, "an event names a channel");
            FuzzException.Require(session.Command(each.Channel).Length <= 512, "a command has its limit");
            session.Write(each.Channel, data[..session.Read(each.Channel, data)]);
            if (each.Kind == SshEventKind.EndOfInput)
            {
                session.Exit(each.Channel, each.Value);
            }
        }

        FuzzException.Require(session.Pending.Length <= 16384, "what is to be sent has its limit");
    }
}
