"""Words too frequent to tell documents apart, per language.

Articles, prepositions, conjunctions, pronouns, auxiliaries and question words, in every form that
is common; no word that says what a text is about. They are compared after folding (`folding`).
Chinese, Japanese, Korean and Thai have the characters and pairs that `scripts` makes of theirs.
"""
# ruff: noqa: RUF001 (the words of other scripts are meant)

_ENGLISH = """
a an and are as at be but by for if in into is it no not of on or such that the their then there
these they this to was will with
s t ll d re ve m
"""
# The articles, prepositions and auxiliaries that Lucene's English analyzer drops, and what the
# apostrophe leaves of contractions: it's, don't, we'll, I'd, they're, we've, I'm.

_WORDS = {
    "english": _ENGLISH,
    "arabic": """
        من في على إلى الى عن مع هذا هذه ذلك تلك الذي التي الذين اللذان اللتان هو هي هم هما هن أنا
        نحن أنت كان كانت كانوا يكون تكون قد لقد أن إن أنه أنها إنه إنها بأن لأن لا ما لم لن ليس
        ليست ثم أو و أم بل كما كل بعد قبل بين حتى عند عندما حيث إذا إذ منذ أي أيضا أيضاً غير لكن
        ولكن بعض فيه فيها منه منها عليه عليها به بها له لها لهم إليه وفي ومن وهو وهي والتي والذي
        وقد كم متى أين كيف لماذا ماذا هل مثل ضد خلال دون تحت فوق أمام
    """,
    "armenian": """
        և ու եւ է են էր էին եմ ես ենք եք ին այդ այն այս այստեղ դու դուք նա նրա նրան նրանք մենք մեր
        իր իրենց որ որը որոնք որպես մեջ վրա հետ համար մասին մինչև կամ բայց թե եթե ինչ ինչպես երբ
        ոչ չի նաև միայն մի
    """,
    "basque": """
        eta edo ez da dira zen ziren du dute zuen zuten dio bat batzuk hau hori hura hauek horiek
        haiek ni zu gu zuek bere beren baina baino ere izan den diren duen duten zer nor non noiz
        nola zein bezala arte gabe
    """,
    "catalan": """
        el la els les lo un una uns unes l d n s m t de del dels al als a en amb per pel pels i o
        que què no és són era eren ser ha han havia he hi ho es se em et ens us li si sí ja més
        com quan on qui quin quina quins quines perquè però també entre sobre sense fins des
        aquest aquesta aquests aquestes això aquell aquella seu seva seus seves
    """,
    "chinese": """
        的 了 是 在 和 与 與 及 或 之 着 著 也 都 而 就 被 把 吗 嗎 呢 吧 啊 么 麼 这 這 那
    """,
    "czech": """
        a i o u v ve z ze s se k ke na do od po pro za při před pod nad mezi bez že aby ale nebo
        ani jako když kde kdy kdo co jak jaký jaká jaké který která které kteří si je jsou byl
        byla bylo byli být bude budou jsem jsi jsme jste by ten ta to ti ty toho tom tomu tím
        tento tato toto jeho její jejich ho mu ji jim já my vy on ona ono oni než však také už
        proto tak
    """,
    "danish": """
        af alle at blev blive bliver da de dem den denne der deres det dette dig din disse dog du
        efter eller en end er et for fra ham han hans har havde have hende hendes her hos hun hvad
        hvem hvilke hvilken hvilket hvis hvor hvordan hvornår hvorfor i ikke ind jeg jer jo kan
        kunne man med meget men mig min mod når nogle nok nu og også om op os over på sig sin skal
        skulle som til ud under var ved vi vil ville vor være været
    """,
    "dutch": """
        aan al als bij dan dat de der deze die dit door dus een en er ge haar had heb heeft hem
        het hier hij hoe hun ik in is ja je kan maar me men met mijn na naar niet nog nu of om
        omdat ons ook op over te tegen toch toen tot u uit uw van voor waar wanneer waarom waren
        was wat welke welk werd wie wij worden wordt zal ze zich zij zijn zo zou d s t
    """,
    "esperanto": """
        la de en kaj aŭ sed al por pri kun sen el ĝis da per sur sub inter ĉe ĉu ke se ne jes mi
        vi li ŝi ĝi ni ili oni si mia via lia ŝia ĝia nia ilia estas estis estos esti kiu kiuj kio
        kie kiam kiel kial tiu tiuj tio ĉi kiun tiun ankaŭ plej pli ol kiom
    """,
    "estonian": """
        ja ning või ega ei et on oli olid olla oma ta tema nad nende see selle seda need kes mis
        mida mille kus kuna kui kuidas millal miks ka aga vaid siis veel juba ma mina sa sina me
        meie te teie välja üle alla pärast enne poolt kohta
    """,
    "finnish": """
        ja tai sekä että jos kun kuin niin myös mutta vaan eli ei en et emme ette eivät on ovat
        oli olivat olla ollut ole olen se sen sitä siinä siitä ne niiden niitä niissä hän hänen
        häntä he heidän tämä tämän tätä tässä nämä näiden tuo joka jonka jota jossa josta jolla
        jotka joiden joita mikä minkä mitä missä mistä milloin miten miksi kuka ketkä kuinka minä
        minun sinä me te oma hänet
    """,
    "french": """
        le la les l un une des de du d au aux à en dans par pour sur sous avec sans vers chez
        entre et ou où mais donc ni car que qu qui quoi dont quel quelle quels quelles quand
        comment pourquoi combien ce c cet cette ces cela ça celui celle ceux celles il elle ils
        elles je j tu nous vous on me m te t se s lui leur leurs y son sa ses mon ma mes ton ta
        tes notre nos votre vos est sont était étaient être été a ont avait avaient avoir ne n pas
        plus si comme aussi jusqu lorsqu puisqu
    """,
    "german": """
        der die das den dem des ein eine einen einem einer eines und oder aber auch als wie so
        wenn weil dass daß ob denn doch da ich du er sie es wir ihr mich mir dich dir ihn ihm uns
        euch ihnen sich sein seine seinen seinem seiner seines ihre ihren ihrem ihrer ihres dieser
        diese dieses diesen diesem jener in im ins an am auf aus bei beim mit nach von vom vor zu
        zum zur über unter um für durch gegen ohne bis zwischen nicht kein keine keinen nur noch
        ist sind war waren bin bist sei wird werden wurde wurden worden hat haben hatte hatten
        kann können konnte was wer wem wen wessen wo wann warum welche welcher welches welchen
        welchem man
    """,
    "greek": """
        ο η το οι τα του της των τον την τους τις ένας μια μία ένα ενός μιας και κι ή αλλά να θα
        δεν δε μη μην που πού πως πώς ότι αν όταν όπως σε στο στη στην στον στους στις στα από με
        για προς κατά μετά παρά ως έως χωρίς μεταξύ είναι ήταν έχει έχουν είχε είχαν αυτό αυτός
        αυτή αυτά αυτοί αυτές αυτών εκείνος εκείνη εκείνο ποιος ποια ποιο ποιοι ποιες ποιον τι
        πότε γιατί μου σου μας σας επίσης
    """,
    "hebrew": """
        של את על אל עם מן כי לא אם או גם רק זה זו זאת אלה אלו הוא היא הם הן אני אתה אנחנו היה היתה
        הייתה היו יש אין כל כמו כאשר אשר בין לפני אחרי עד מה מי איך איפה מתי למה מדוע כמה איזה
        איזו שלו שלה שלהם אותו אותה אותם לו לה להם בו בה הזה הזאת אבל אך
    """,
    "hindi": """
        का के की को में से ने पर और या है हैं था थी थे हो होता होती होते हुआ हुई हुए यह ये वह वे
        इस इन उस उन इसके इसकी इसका उसके उसकी उसका उनके उनकी उनका एक भी तो ही कि जो जिस जिसे जिसके
        तक साथ लिए द्वारा कर करने किया कुछ अपने अपनी अपना नहीं न क्या कौन कब कहाँ कहां कैसे किस
        किसने कितने कितना कितनी गया गई गए
    """,
    "hungarian": """
        a az egy és vagy de hogy nem is ha mint csak meg már még ezt azt ez ezek azok ennek annak
        ebben abban erre arra volt voltak van vannak lesz lett lenne sem se ki mi mit mely melyik
        melyek amely amelyek aki akik ami amit hol mikor miért hogyan milyen hány ő ők én te ti
        után előtt között alatt által szerint el be fel
    """,
    "indonesian": """
        yang di ke dari dan atau dengan untuk pada dalam oleh ini itu adalah ialah akan telah
        sudah sedang tidak bukan juga sebagai karena bahwa jika bila agar supaya namun tetapi ia
        dia mereka kami kita saya aku anda kamu nya para antara serta maka lagi hanya apa siapa
        kapan mana bagaimana mengapa berapa
    """,
    "irish": """
        an na agus is ar ag as ach i in le leis do den don de ó ón faoi go gan mar nach ní níl ná
        nó tá bhí bíonn beidh sé sí siad mé tú muid sibh a seo sin siúd mo ár bhur idir chun thar
        trí roimh cad cé cathain conas cén b d m
    """,
    "italian": """
        il lo la i gli le l un uno una di del dello della dei degli delle dell a al allo alla ai
        agli alle all da dal dallo dalla dai dagli dalle dall in nel nello nella nei negli nelle
        nell con su sul sullo sulla sui sugli sulle sull per tra fra e ed o ma se che chi cui non
        né come quando dove perché quale quali quanto quanti quanta quante cosa è sono era erano
        essere stato stata ha hanno aveva avevano avere si ci vi mi ti lui lei loro suo sua suoi
        sue questo questa questi queste quello quella quelli quelle c d s anche più
    """,
    "japanese": """
        です ます した して いる ある ない する れる など こと から まで より この その あの どの
        には とは では での との への った って いた れた られ され なる なっ また
    """,
    "korean": """
        은 는 이 가 을 를 의 에 도 와 과 로 및 등 그 저 것
    """,
    "lithuanian": """
        ir ar bei bet o kad kaip kai jei nes tai tas ta tie tos šis ši šie šios jis ji jie jos jo
        jų aš tu mes jūs į iš su be prie per po prieš už ant apie nuo iki pagal yra buvo bus būti
        ne nėra kas ką kur kada kodėl koks kokia kuris kuri kurie kurios taip pat dar jau tik savo
    """,
    "nepali": """
        र वा को का की ले लाई मा बाट देखि सम्म सँग संग हो हुन् छ छन् थियो थिए यो यी त्यो ती उनी
        उनको म हामी तिमी तपाईं पनि तर भने कि जो जुन के कसरी किन कहाँ कहिले कुन कति एक गरेको भएको
        लागि
    """,
    "norwegian": """
        alle at av bare begge ble blei bli blir da de deg dei dem den denne der dere deres det
        dette di din disse du eg ein eit eller en er et etter for fra frå få ha hadde han hans har
        henne hennes her hun ho hva hvem hvilken hvilke hvilket hvis hvor hvordan hvorfor når i
        ikke ikkje inn ja jeg kan kunne kva kven kvifor man med meg men min mot nå og også om opp
        oss over på så seg sin sitt som til ut under var ved vi vil ville være vært vår
    """,
    "persian": """
        و در به از که را این آن با برای تا بر یا هم نیز است بود شد شده می نمی ها های ای یک خود او
        ما من تو شما آنها ایشان هر اما ولی اگر چون هیچ باید شود کرد کرده کند کنند بودند شدند هست
        هستند بین پس پیش چه چرا چگونه کجا کی چند کدام روی زیر
    """,
    "polish": """
        i a o u w we z ze na do od po za przy przed pod nad między bez dla przez że żeby ale lub
        albo ani jak jako kiedy gdy gdzie kto co czy jaki jaka jakie który która które którzy
        których się jest są był była było byli być będzie będą jestem ten ta to ci te tego tej tym
        tych jego jej ich go mu ją im ja ty my wy on ona ono oni one nie tak także również już
        tylko niż więc
    """,
    "portuguese": """
        o a os as um uma uns umas de do da dos das em no na nos nas num numa ao à aos às por pelo
        pela pelos pelas para com sem sob sobre entre até desde e ou mas que quem qual quais
        quando onde como porque quanto quantos quantas não se é são era eram foi foram ser está
        estão há tem têm tinha ele ela eles elas eu tu nós vós você me te lhe lhes seu sua seus
        suas este esta estes estas esse essa isso isto aquele aquela também já mais muito
    """,
    "romanian": """
        un o unei unui unor al ai ale a cel cea cei cele lui de din în la pe cu pentru prin fără
        spre sub peste între după până despre și sau dar ori că să ca dacă când unde cum care cine
        ce cât câți câte ne nu este e sunt era erau fi fost au am avea are avut se își îl îi le i
        s l el ea ei ele eu tu noi voi acest această aceste acești acesta aceasta acel acea său sa
        săi sale lor mai
    """,
    "russian": """
        и в во не что он на я с со как а то все она так его но да ты к ко у же вы за бы по ее её
        от из о об обо для ли или до если при без под над между через это этот эта эти этого этой
        этом этих тот та те того той том тех мы они оно их им ей ему него нее неё ней нем нём них
        ними кто кого чем где когда почему какой какая какое какие каких каком сколько который
        которая которое которые которых которой которого которым чтобы был была было были быть
        есть себя свой также
    """,
    "serbian": """
        и у на је су се да за од са до по из о к али или ни не као што који која које којих кад
        када где ко шта како зашто био била било били бити ће би сам си смо сте он она оно они ја
        ти ми ви га му јој их им његов њен њихов овај ова ово ови тај та то те тога том при пред
        под над међу без због i u na je su se da za od sa do po iz o k ali ili ni ne kao što koji
        koja koje kojih kad kada gde gdje ko šta kako zašto bio bila bilo bili biti će bi sam si
        smo ste on ona ono oni ja ti mi vi ga mu joj ih im njegov njen njihov ovaj ova ovo ovi taj
        ta to te toga tom pri pred pod nad među bez zbog
    """,
    "sesotho": """
        le la ba e a o ke ka ha ho hore mo mona tsa sa ya wa tse se di bo ea oa ena tsena sena moo
        empa kapa ne na re lo eo bona rona lona nna wena yena jwang mang eng
    """,
    "spanish": """
        el la los las lo un una unos unas de del al a en con por para sin sobre entre hasta desde
        según y e o u pero ni que qué quién quien quiénes quienes cuál cuáles cual cuando cuándo
        donde dónde como cómo cuánto cuántos cuántas porque si no es son era eran fue fueron ser
        siendo sido está están estaba ha han había haber se le les me te nos os su sus mi mis tu
        tus él ella ello ellos ellas yo este esta estos estas esto ese esa esos esas eso aquel
        aquella también ya más muy
    """,
    "swedish": """
        alla att av bli blir blev då de dem den denna dess dessa det detta dig din du efter eller
        en er ett från för ha hade han hans har hennes henne hon honom hos hur i in inte jag ju
        kan kunde man med mellan men mig min mot mycket när någon några nu och också om oss på
        samma sig sin ska skulle som så till under upp ut utan vad var varför vem vi vid vilka
        vilken vilket vill år över är vara varit
    """,
    "tamil": """
        ஒரு இது அது இந்த அந்த இவை அவை அவர் அவர்கள் அவன் அவள் நான் நாம் நீ நீங்கள் என்று என என்ற
        என்பது மற்றும் அல்லது ஆனால் உள்ள உள்ளது இருந்து இருந்தது மூலம் போன்ற வரை கொண்டு கொண்ட மேல்
        பற்றி எந்த என்ன யார் எப்போது எங்கே எப்படி ஏன் எத்தனை ஆகும் ஆகிய தான்
    """,
    "thai": """
        ที่ และ ใน ได้ ไม่ ก็ ให้ มี ว่า จะ ไป มา นี้ นั้ แต่ กั แล้ เป็
    """,
    "turkish": """
        ve veya ile bir bu şu o da de ki mi mı mu mü için gibi kadar daha en çok ama fakat ancak
        ya hem ise idi olan olarak oldu olduğu olduğunu sonra önce göre her ne kim nasıl neden
        niçin nerede hangi kaç zaman değil ben sen biz siz onlar onun onu ona bunu bunun buna
        tarafından nin nın nun nün in ın un ün den dan ten tan yi yı yu yü na ye ta te
    """,
    "vietnamese": """
        và là của có được các những cho với trong ở tại từ đến này đó khi không một như về trên
        dưới theo bởi vì nên mà thì đã đang sẽ cũng hay hoặc nhưng nếu ra vào lại rằng gì ai nào
        đâu nó họ
    """,
    "yiddish": """
        און אין איז די דער דאָס דעם דאס א אַ אן אַן פון פֿון צו מיט אויף ביי בײַ פאר פֿאַר נאך
        נאָך אויך ווי אז אַז אבער אָבער נישט ניט ער זי עס מיר איר זיי איך דו זיך האט האָט האבן
        האָבן זענען זײַנען געווען וואס וואָס ווער ווו ווען פארוואס צי אדער אָדער
    """,
    "yoruba": """
        ní sí ti tí àti ati ó wọn àwọn awọn náà fún pẹ̀lú láti lati bí kí a mo mi o rẹ yìí yẹn jẹ́
        jẹ ṣe kan ń máa wà kò kọ́ ṣùgbọ́n tàbí gbogbo ni si fi bá nínú inú wo kini kíni tani ta
        báwo nígbà kọ
    """,
}

BY_LANGUAGE = {language: frozenset(words.split()) for language, words in _WORDS.items()}
"""English name of a language, which is Snowball's, to its stop words."""
