using System;
using System.Diagnostics.CodeAnalysis;
using Sos.Crypto.Curves;
using Sos.Ssh.Transport;
using Sos.Ssh.Wire;

namespace Sos.Ssh.Authentication;

/// <summary>RFC 4252: one user, by Ed25519 keys alone. The packet of a signature waits where it is until the server may compute again.</summary>
internal struct Authenticator
{
    // What a client signs in front of its request: the session's id as a string. The longest request that can be right has a user name of
    // SshServer.UserNameSizeMax bytes.
    private const int SignedSizeMax = 512;

    private AuthorizedKey _key;
    private bool _hasService;

    /// <summary>Keys and methods that were refused.</summary>
    public uint Failures { get; private set; }

    /// <summary>Whether the user is logged in.</summary>
    public bool IsDone { get; private set; }

    /// <summary>The key that logged in.</summary>
    [UnscopedRef]
    public ref AuthorizedKey Key => ref _key;

    /// <summary>Begins anew.</summary>
    public void Start()
    {
        (Failures, _hasService, IsDone) = (0, false, false);
        _key = default;
    }

    /// <summary>Handles a message before log-in.</summary>
    /// <returns>False if it has to wait: it is to be given again.</returns>
    public bool TryHandle(ref SshTransport transport, ReadOnlySpan<byte> message, ref SshServer server, ulong nowNs)
    {
        switch ((MessageNumber)message[0])
        {
            case MessageNumber.ExtensionInfo:
                return true; // RFC 8308: the client's extensions are nothing to this server
            case MessageNumber.ServiceRequest:
                TakeServiceRequest(ref transport, message);
                return true;
            case MessageNumber.AuthenticationRequest when _hasService:
                return TakeRequest(ref transport, message, ref server, nowNs);
            default:
                transport.End(EndReason.ProtocolError);
                return true;
        }
    }

    private void TakeServiceRequest(ref SshTransport transport, ReadOnlySpan<byte> message)
    {
        WireReader reader = new(message);
        reader.ReadByte();
        ReadOnlySpan<byte> service = reader.ReadString();
        if (!reader.IsComplete || _hasService)
        {
            transport.End(EndReason.ProtocolError);
            return;
        }

        if (!service.SequenceEqual("ssh-userauth"u8))
        {
            transport.End(EndReason.ServiceNotAvailable);
            return;
        }

        _hasService = true;
        WireWriter writer = new(transport.BeginMessage(1 + WireWriter.StringSize(service)));
        writer.Write(MessageNumber.ServiceAccept);
        writer.WriteString(service);
        transport.EndMessage();
    }

    private bool TakeRequest(ref SshTransport transport, ReadOnlySpan<byte> message, ref SshServer server, ulong nowNs)
    {
        WireReader reader = new(message);
        reader.ReadByte();
        ReadOnlySpan<byte> user = reader.ReadString();
        ReadOnlySpan<byte> service = reader.ReadString();
        ReadOnlySpan<byte> method = reader.ReadString();
        if (!reader.IsValid)
        {
            transport.End(EndReason.ProtocolError);
            return true;
        }

        if (!service.SequenceEqual("ssh-connection"u8))
        {
            transport.End(EndReason.ServiceNotAvailable);
            return true;
        }

        if (method.SequenceEqual("publickey"u8))
        {
            return TakeKey(ref transport, message, ref reader, server.IsUser(user), ref server, nowNs);
        }

        // "none" asks which methods there are, and is no try.
        Refuse(ref transport, server.Limits, !method.SequenceEqual("none"u8));
        return true;
    }

    private bool TakeKey(
        ref SshTransport transport, ReadOnlySpan<byte> message, ref WireReader reader, bool isUser, ref SshServer server, ulong nowNs)
    {
        bool hasSignature = reader.ReadBoolean();
        ReadOnlySpan<byte> algorithm = reader.ReadString();
        ReadOnlySpan<byte> blob = reader.ReadString();
        int signed = message.Length - reader.Left;
        ReadOnlySpan<byte> signatureBlob = hasSignature ? reader.ReadString() : default;
        if (!reader.IsComplete)
        {
            transport.End(EndReason.ProtocolError);
            return true;
        }

        ReadOnlySpan<byte> key = ReadBlob(blob, Ed25519.PublicKeySize);
        if (!algorithm.SequenceEqual(Algorithms.Ed25519) || key.IsEmpty || !isUser || !server.TryFindKey(key, out int index))
        {
            Refuse(ref transport, server.Limits, true);
            return true;
        }

        if (!hasSignature)
        {
            AcceptKey(ref transport, algorithm, blob);
            return true;
        }

        ReadOnlySpan<byte> signature = ReadBlob(signatureBlob, Ed25519.SignatureSize);
        if (signature.IsEmpty || signed > SignedSizeMax - sizeof(uint) - KeyExchange.HashSize)
        {
            Refuse(ref transport, server.Limits, true);
            return true;
        }

        if (!server.HasTurn || !server.TryTakeComputation(nowNs))
        {
            return false;
        }

        server.TakeTurn();
        if (!Verify(ref transport, message[..signed], key, signature))
        {
            Refuse(ref transport, server.Limits, true);
            return true;
        }

        IsDone = true;
        transport.IsTrusted = true;
        _key = server.KeyAt(index);
        transport.BeginMessage(1)[0] = (byte)MessageNumber.AuthenticationSuccess;
        transport.EndMessage();
        return true;
    }

    private static bool Verify(ref SshTransport transport, ReadOnlySpan<byte> request, ReadOnlySpan<byte> key, ReadOnlySpan<byte> signature)
    {
        Span<byte> message = stackalloc byte[SignedSizeMax];
        WireWriter writer = new(message);
        writer.WriteString(transport.SessionId);
        writer.WriteBytes(request);
        return Ed25519.Verify(key, message[..writer.Length], signature);
    }

    // RFC 8709: a key and a signature are both the algorithm's name and a string of fixed length.
    private static ReadOnlySpan<byte> ReadBlob(ReadOnlySpan<byte> blob, int size)
    {
        WireReader reader = new(blob);
        ReadOnlySpan<byte> name = reader.ReadString();
        ReadOnlySpan<byte> bytes = reader.ReadString();
        return reader.IsComplete && bytes.Length == size && name.SequenceEqual(Algorithms.Ed25519) ? bytes : default;
    }

    private static void AcceptKey(ref SshTransport transport, ReadOnlySpan<byte> algorithm, ReadOnlySpan<byte> blob)
    {
        WireWriter writer = new(transport.BeginMessage(1 + WireWriter.StringSize(algorithm) + WireWriter.StringSize(blob)));
        writer.Write(MessageNumber.PublicKeyAcceptable);
        writer.WriteString(algorithm);
        writer.WriteString(blob);
        transport.EndMessage();
    }

    private void Refuse(ref SshTransport transport, in SshLimits limits, bool counts)
    {
        Failures += counts ? 1u : 0u;
        if (Failures >= limits.AttemptsMax)
        {
            transport.End(EndReason.NoMoreAuthenticationMethods);
            return;
        }

        WireWriter writer = new(transport.BeginMessage(1 + WireWriter.StringSize("publickey"u8) + 1));
        writer.Write(MessageNumber.AuthenticationFailure);
        writer.WriteString("publickey"u8);
        writer.Write(false);
        transport.EndMessage();
    }
}
