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
/// elements alone are worked into what is known, after any other, or where one was missed, all is read anew.
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
        if (_kernel!.ReadSet(set) is not { } read)
        {
            return null;
        }

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
        (_news, _kernel, _listing) = (null, null, null);
        _batch.Clear();
    }

    /// <summary>Works what the kernel told into what is known.</summary>
    /// <returns>False when all must be read anew.</returns>
    private bool TryFollow()
    {
        bool isKnown = TryTakeNews(_listing is not null);
        if (!isKnown || _kernel!.ReadGeneration() is not { } now)
        {
            return false;
        }

        // The kernel changes its rules first, and tells then.
        if (_generation != now || _batch.Count > 0)
        {
            NetlinkSocket.Wait(NewsWait, _news!);
            isKnown = TryTakeNews(isKnown);
        }

        return isKnown && _generation == now && _batch.Count == 0;
    }

    // Takes all that is there, also where it is of no use any more.
    private bool TryTakeNews(bool isKnown)
    {
        bool isComplete = _news!.TakeNews(message => isKnown = isKnown && TryTake(message));
        return isKnown && isComplete;
    }

    private bool TryTake(NetlinkMessage message)
    {
        if (message.Type != ((NftSocket.Subsystem << 8) | NftSocket.NewGeneration))
        {
            _batch.Add(message);
            return true;
        }

        List<NetlinkMessage> batch = [.. _batch];
        _batch.Clear();
        if (NftSocket.GenerationOf(message) is not { } generation)
        {
            return false;
        }

        int step = unchecked((int)(generation - _generation));
        if (step <= 0)
        {
            return true; // Older than what was read.
        }

        _generation = generation;
        return step == 1 && batch.TrueForAll(TryApply);
    }

    private bool TryApply(NetlinkMessage message)
    {
        bool isAdded = message.Type == ((NftSocket.Subsystem << 8) | NftSocket.NewElements);
        if ((!isAdded && message.Type != ((NftSocket.Subsystem << 8) | NftSocket.DeleteElements)) || !NftSocket.SetNews.TryRead(message, out NftSocket.SetNews news)
            || !_sets.TryGetValue(news.Key, out FollowedSet? set))
        {
            return false;
        }

        List<NftElement> elements = [];
        return NftElement.TryReadList(news.Elements.Span, KnownElements.KeySize(set.Declaration.Type), elements)
            && elements.TrueForAll(element => set.TryChange(in element, isAdded));
    }

    private RulesetListing Known()
        => _listing! with { Elements = _sets.ToDictionary(set => set.Key, set => set.Value.Elements) };

    private RulesetListing ReadAll()
    {
        _listing = null;
        for (int i = 0; i < ReadingsMax; i++)
        {
            _sets.Clear();
            _batch.Clear();
            uint? first = _kernel!.ReadGeneration();
            RulesetListing listing = RulesetLister.ListLive(_before, this);
            Listings++;
            if (first is null)
            {
                return listing; // Nothing can be followed.
            }

            if (_kernel.ReadGeneration() == first)
            {
                // A listing of nft's own has the elements itself, and what is told of them must not be left out.
                foreach (string key in _sets.Keys.Except(listing.Elements.Keys).ToList())
                {
                    _sets.Remove(key);
                }

                _generation = first.Value;
                _listing = listing;
                return listing;
            }
        }

        throw new RulesetLoadException($"Linux's rules changed {ReadingsMax} times while they were read");
    }
}
