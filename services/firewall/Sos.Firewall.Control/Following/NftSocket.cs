using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Text;
using Sos.Cores.Network;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;

namespace Sos.Firewall.Control.Following;

/// <summary>Asks nf_tables of this process's network namespace (linux/netfilter/nf_tables.h), without nft.</summary>
internal sealed class NftSocket : IDisposable
{
    /// <summary>NFNLGRP_NFTABLES.</summary>
    public const int NewsGroup = 7;

    private const int Subsystem = 10;

    /// <summary>Bytes of struct nfgenmsg.</summary>
    public const int BodyOffset = 4;

    /// <summary>NFT_MSG_NEWCHAIN.</summary>
    public const int NewChain = 3;

    /// <summary>NFT_MSG_DELCHAIN.</summary>
    public const int DeleteChain = 5;

    /// <summary>NFT_MSG_NEWRULE.</summary>
    public const int NewRule = 6;

    /// <summary>NFT_MSG_DELRULE.</summary>
    public const int DeleteRule = 8;

    /// <summary>NFT_MSG_NEWSET.</summary>
    public const int NewSet = 9;

    /// <summary>NFT_MSG_DELSET.</summary>
    public const int DeleteSet = 11;

    /// <summary>NFT_MSG_NEWSETELEM.</summary>
    public const int NewElements = 12;

    /// <summary>NFT_MSG_DELSETELEM.</summary>
    public const int DeleteElements = 14;

    /// <summary>NFT_MSG_NEWGEN.</summary>
    public const int NewGeneration = 15;

    private const int GetElements = 13; // NFT_MSG_GETSETELEM
    private const int GetGeneration = 16; // NFT_MSG_GETGEN
    private const int TableAttribute = 1; // NFTA_SET_ELEM_LIST_TABLE
    private const int SetAttribute = 2;
    private const int ElementsAttribute = 3;
    private const int GenerationAttribute = 1; // NFTA_GEN_ID
    private const int TriesMax = 3;

    private readonly NetlinkSocket _socket = new(NetlinkSocket.Netfilter);

    /// <summary>Reads the number of the ruleset's generation; null where the kernel does not tell.</summary>
    public uint? ReadGeneration()
    {
        uint? generation = null;
        int errno = _socket.Ask(
            new NetlinkRequest(TypeOf(GetGeneration), NetlinkRequest.Request, new byte[BodyOffset]), answer => generation = GenerationOf(answer));
        return errno == 0 ? generation : null;
    }

    /// <summary>Reads the elements of a set.</summary>
    /// <returns>Null where nft must list them.</returns>
    public FollowedSet? ReadSet(SetDeclaration declaration)
    {
        for (int i = 0; i < TriesMax; i++)
        {
            List<NftElement> elements = [];
            bool isPlain = true;
            NetlinkRequest request = new NetlinkRequest(TypeOf(GetElements), NetlinkRequest.Dump, [FamilyOf(declaration.Family), 0, 0, 0])
                .Add(TableAttribute, Text(declaration.Table)).Add(SetAttribute, Text(declaration.Name));
            int errno = _socket.Ask(
                request, answer => isPlain &= SetNews.TryRead(answer, out SetNews news)
                    && NftElement.TryReadList(news.Elements.Span, KnownElements.KeySize(declaration.Type), elements));
            if (errno != 0 || !isPlain)
            {
                return null;
            }

            FollowedSet set = new(declaration);
            if (set.TryFill(elements))
            {
                return set;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _socket.Dispose();

    /// <summary>The generation that a message (NFT_MSG_NEWGEN) tells of; null where it tells none.</summary>
    public static uint? GenerationOf(NetlinkMessage message)
    {
        return message.Body.Length > BodyOffset && NetlinkMessage.ReadAttributes(message.Body[BodyOffset..]) is var attributes
            && attributes.TryGetValue(GenerationAttribute, out ReadOnlyMemory<byte> generation) && generation.Length == sizeof(uint)
            ? BinaryPrimitives.ReadUInt32BigEndian(generation.Span)
            : null;
    }

    /// <summary>A message's type in its header.</summary>
    public static ushort TypeOf(int message) => (ushort)((Subsystem << 8) | message);

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    // NFPROTO_*
    private static byte FamilyOf(string family) => family switch
    {
        "inet" => 1,
        "ip" => 2,
        "arp" => 3,
        "netdev" => 5,
        "bridge" => 7,
        "ip6" => 10,
        _ => 0,
    };

    /// <summary>nft's name of a family; empty where there is none.</summary>
    private static string NameOf(byte family) => family switch
    {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => string.Empty,
    };

    /// <summary>A message about a set, or elements of it.</summary>
    /// <param name="Key">The set, "family table name".</param>
    /// <param name="Elements">The list of elements.</param>
    public readonly record struct SetNews(string Key, ReadOnlyMemory<byte> Elements)
    {
        /// <summary>Reads a message.</summary>
        public static bool TryRead(NetlinkMessage message, out SetNews news)
        {
            news = default;
            if (message.Body.Length < BodyOffset)
            {
                return false;
            }

            Dictionary<int, ReadOnlyMemory<byte>> attributes = NetlinkMessage.ReadAttributes(message.Body[BodyOffset..]);
            if (!attributes.TryGetValue(TableAttribute, out ReadOnlyMemory<byte> table) || !attributes.TryGetValue(SetAttribute, out ReadOnlyMemory<byte> set))
            {
                return false;
            }

            string key = $"{NameOf(message.Body.Span[0])} {ToText(table)} {ToText(set)}";
            news = new SetNews(key, attributes.GetValueOrDefault(ElementsAttribute));
            return true;
        }

        private static string ToText(ReadOnlyMemory<byte> text) => Encoding.UTF8.GetString(text.Span).TrimEnd('\0');
    }
}
