using System;
using System.Collections.Generic;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Network;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;

namespace Sos.Firewall.Control.Following;

/// <summary>
/// The ruleset of this process's network namespace, kept between one reading and the next. The kernel tells each change with its generation: changes of
/// elements alone are worked into what is known, after those of rules the rules are listed anew, and where one was missed, all is read anew.
/// </summary>
internal sealed class LiveRules : IElementSource, IDisposable
{
    private const int ReadingsMax = 5;
    private static readonly TimeSpan NewsWait = TimeSpan.FromMilliseconds(20);

    private readonly object _lock = new();
    private readonly SureRules _before = new();
    private readonly Dictionary<string, FollowedSet> _sets = [];
    private readonly List<NetlinkMessage> _batch = [];
    private NftSocket? _kernel;
    private NetlinkSocket? _news;
    private string? _place;
    private RulesetListing? _listing;
    private uint _generation;

    /// <summary>Whole listings so far.</summary>
    public int Listings { get; private set; }

    /// <summary>Sets that were read whole so far.</summary>
    public int SetsRead { get; private set; }

    /// <summary>Returns the ruleset as it is now.</summary>
    /// <exception cref="RulesetLoadException">It cannot be read, or changes faster than it can be read.</exception>
    public RulesetListing Read()
    {
        lock (_lock)
        {
            try
            {
                Open();
                return TryFollow() ? Known() : ReadAll();
            }
            catch (SosException e)
            {
                Close();
                throw new RulesetLoadException(e.Message, e);
            }
        }
    }

    /// <inheritdoc/>
    KnownElements? IElementSource.Read(SetDeclaration set)
    {
        if (_sets.TryGetValue(set.Key, out FollowedSet? known) && known.Declaration == set)
        {
            return known.Elements;
        }

        _sets.Remove(set.Key);
        if (_kernel!.ReadSet(set) is not { } read)
        {
            return null;
        }

        SetsRead++;
        _sets[set.Key] = read;
        return read.Elements;
    }

    /// <summary>Forgets all until the next reading: news that nobody takes would fill the kernel's memory.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            Close();
        }
    }

    private void Open()
    {
        string? place = NetworkNamespace.Current;
        if (_news is not null && place is not null && place == _place)
        {
            return;
        }

        Close();
        _news = new NetlinkSocket(NetlinkSocket.Netfilter, NftSocket.NewsGroup);
        _kernel = new NftSocket();
        _place = place;
    }

    private void Close()
    {
        _news?.Dispose();
        _kernel?.Dispose();
        (_news, _kernel) = (null, null);
        Forget();
    }

    /// <summary>Works what the kernel told into what is known.</summary>
    /// <returns>False when the rules must be listed anew; of the sets those that are still known are true then, too, or none is known.</returns>
    private bool TryFollow()
    {
        TakeNews();
        if (_kernel!.ReadGeneration() is not { } now)
        {
            Forget();
            return false;
        }

        // The kernel changes its rules first, and tells then.
        if (_generation != now || _batch.Count > 0)
        {
            NetlinkSocket.Wait(NewsWait, _news!);
            TakeNews();
        }

        if (_generation != now || _batch.Count > 0)
        {
            Forget();
        }

        return _listing is not null;
    }

    private void Forget()
    {
        _listing = null;
        _sets.Clear();
        _batch.Clear();
    }

    private void TakeNews()
    {
        if (!_news!.TakeNews(Take))
        {
            Forget();
        }
    }

    private void Take(NetlinkMessage message)
    {
        if (message.Type != NftSocket.TypeOf(NftSocket.NewGeneration))
        {
            _batch.Add(message);
            return;
        }

        List<NetlinkMessage> batch = [.. _batch];
        _batch.Clear();
        uint? generation = NftSocket.GenerationOf(message);
        int step = generation is null ? 0 : unchecked((int)(generation.Value - _generation));
        if (step < 1 && generation is not null)
        {
            return; // Older than what was read.
        }

        if (step != 1)
        {
            Forget();
        }
        else
        {
            batch.ForEach(Apply);
        }

        _generation = generation ?? _generation;
    }

    private void Apply(NetlinkMessage message)
    {
        int kind = message.Type ^ NftSocket.TypeOf(0);
        switch (kind)
        {
            case NftSocket.NewElements or NftSocket.DeleteElements or NftSocket.NewSet or NftSocket.DeleteSet
                when NftSocket.SetNews.TryRead(message, out NftSocket.SetNews news):
                if (!_sets.TryGetValue(news.Key, out FollowedSet? set))
                {
                    _listing = null; // nft lists its elements.
                }
                else if (kind is NftSocket.NewSet or NftSocket.DeleteSet || !TryChange(set, news, isAdded: kind == NftSocket.NewElements))
                {
                    _listing = null;
                    _sets.Remove(news.Key);
                }

                break;
            case NftSocket.NewChain or NftSocket.DeleteChain or NftSocket.NewRule or NftSocket.DeleteRule:
                _listing = null;
                break;
            default:
                Forget(); // A table, or what is not known.
                break;
        }
    }

    private static bool TryChange(FollowedSet set, NftSocket.SetNews news, bool isAdded)
    {
        List<NftElement> elements = [];
        return NftElement.TryReadList(news.Elements.Span, KnownElements.KeySize(set.Declaration.Type), elements)
            && elements.TrueForAll(element => set.TryChange(in element, isAdded));
    }

    private RulesetListing Known()
        => _listing! with { Elements = _sets.ToDictionary(set => set.Key, set => set.Value.Elements) };

    /// <summary>Lists the rules anew, and reads the sets that are not known.</summary>
    private RulesetListing ReadAll()
    {
        for (int i = 0; i < ReadingsMax; i++)
        {
            uint? first = _kernel!.ReadGeneration();
            if (first != _generation)
            {
                Forget();
            }

            RulesetListing listing = RulesetLister.ListLive(_before, this);
            Listings++;
            if (first is null)
            {
                return listing; // Nothing can be followed.
            }

            if (_kernel.ReadGeneration() == first)
            {
                // Sets that are gone, and those of a listing of nft's own, which has the elements itself.
                foreach (string key in _sets.Keys.Except(listing.Elements.Keys).ToList())
                {
                    _sets.Remove(key);
                }

                _generation = first.Value;
                _listing = listing;
                return listing;
            }

            Forget();
            TakeNews();
        }

        throw new RulesetLoadException($"Linux's rules changed {ReadingsMax} times while they were read");
    }
}
