# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # 00 · Start here
#
# [![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)](https://colab.research.google.com/github/cv-course/cv_course/blob/main/notebooks/00_start_here.ipynb)
#
# How did machines come to recognise images? In this workbook you find out by doing it: each claim
# is an experiment that you run, and each picture is drawn by code that you can change.
#
# *About 15 min · runs in a few seconds on any computer*
#
# Afterwards you will be able to
#
# - find your way through the workbook and know what to do with its sliders, questions and checks,
# - see an image as the machine does,
# - say what this course is about and look up any of its ideas in the map below.
#
# You need Python and an idea of what a matrix is. You need neither a GPU nor, once the workbook is
# installed, the internet.

# %%
import sys

if "google.colab" in sys.modules:  # only Colab needs to fetch the helpers; its torch and numpy stay
    get_ipython().run_line_magic("pip", "install -q git+https://github.com/cv-course/cv_course")

# %% [markdown]
# ## What do you see?
#
# Run the next cell: click into it and press **Shift + Enter**. (No kernel at hand, since you are
# reading this on a web page? Then just read on: all outputs are here.)

# %%
from cv_course import checks, data, explore, figures

fashion = data.fashion_mnist()
clothes = figures.image_grid(fashion.train.images[:20], columns=10)
figures.show(
    clothes,
    alt="Twenty small grey photographs of clothes: shirts, trousers, dresses, shoes and bags, "
    "each recognisable at a glance although it is only 28 pixels wide.",
)

# %% [markdown]
# You needed no time at all to tell a boot from a bag. Now the same pictures as they lie in the
# computer's memory. **Predict:** of what type is one pixel, and how many numbers are there?

# %% tags=["nbval-check-output"]
print(fashion.train.images.dtype, tuple(fashion.train.images.shape))

# %% [markdown]
# Read the shape from left to right: so many images, each with one channel (grey), so many rows and
# columns, and every pixel a whole number from 0 (black) to 255 (white). Move the window over the
# picture and watch the numbers under it. At which point would *you* still know what it is?

# %%
explore.pixels(fashion.train.images[9])

# %% [markdown]
# From inside the window nobody can tell. That is the question of this whole course, and of the
# lecture it grew from:
#
# - **What is image recognition?** To get from such numbers to the word *boot*.
# - **What is computer vision?** All ways to get from images to a description of what is there.
# - **Why do convolutional neural networks matter so much?** That is a claim. You will test it.
#
# *Concept 1*

# %% [markdown]
# ## How a section works
#
# Every section asks first and tells afterwards.
#
# 1. **Predict, then run.** Commit to an answer before you press Shift + Enter. A wrong guess is
#    worth more than no guess, since you will remember the surprise.
# 2. **Move the sliders.** They are there where the hand learns more than the eye. With the
#    keyboard: click the margin left of the cell, then Tab takes you to a slider and the arrow keys
#    move it. *Reset* brings everything back.
# 3. **Solve the exercises.** Each is a function that you complete. `check` says at once, in words,
#    what is right and what is not; `hint` helps a little more with every call; a worked solution
#    stands at the end of the notebook.
# 4. **Mind the "Careful" remarks.** Textbooks and lecture notes repeat some things that are not
#    so. There we say what is, and who showed it.
#
# Try it. This function gets a stack of images and returns the mean brightness of each of them, from
# 0 (black) to 1 (white):


# %%
def mean_brightness(images):
    """images: (N, C, H, W), a NumPy array of whole numbers 0…255 -> (N,) means from 0 to 1."""
    ...  # replace this line


checks.check(mean_brightness)

# %% [markdown]
# "Not done yet" is where everybody starts. Write your line, run the cell again, and make a mistake
# on purpose, too: forget to divide by 255, or take one mean over all images. The check will tell
# you what you did. Stuck?

# %%
checks.hint(mean_brightness)

# %% [markdown]
# ## What your computer brings along
#
# The whole workbook runs on a laptop without a GPU: each section in a minute or less. Where there
# is a faster device, it is used without any change.

# %%
from cv_course import training

print("Training will run on:", training.choose_device())

# %% [markdown]
# In a terminal, `cv-course doctor` says in plain words what else is present and how to get what is
# missing; `cv-course run 03` runs a whole section without a browser.

# %% [markdown]
# ## The sections
#
# | section | the question it answers |
# |---|---|
# | [01 Why visual perception](01_why_visual_perception.ipynb) | Why does seeing matter, and how can it fail? |
# | [02 Features, by hand or learned](02_features_by_hand_or_learned.ipynb) | Who should choose what to look at: an expert or gradient descent? |
# | [03 Classification as search](03_classification_as_search.ipynb) | If we could look everything up, would that be enough? |
# | [04 One layer, one template](04_one_layer_one_template.ipynb) | How far does the simplest network get, and where does it break? |
# | [05 From dense to convolution](05_from_dense_to_convolution.ipynb) | What is gained by looking locally and sharing what was learned? |
# | [06 Backbone and heads](06_backbone_and_heads.ipynb) | How can one network classify, locate and segment? |
# | [07 LeNet](07_lenet.ipynb) | What did the first convolutional networks look like? |
# | [08 AlexNet](08_alexnet.ipynb) | What made the difference in 2012? |
# | [09 Receptive field](09_receptive_field.ipynb) | How much of the image does one unit see? |
# | [10 VGG](10_vgg.ipynb) | What do you get from many small kernels? |
# | [11 Looking inside](11_looking_inside.ipynb) | What did the network learn, and how can we tell? |
# | [12 Where the time goes](12_where_the_time_goes.ipynb) | What are you waiting for when a network trains? (optional) |
#
# They build on each other, so go in order if this is new to you.

# %% [markdown]
# ## Map of the concepts
#
# The lecture behind this workbook makes 63 points. Here is each of them, corrected where it needed
# it, with a link to the place where you see it happen.
#
# ### Why seeing matters
#
# | no. | concept | see it |
# |---|---|---|
# | 1 | What image recognition and computer vision are, and why CNNs matter: the questions of the course | [00](#What-do-you-see?) |
# | 2 | AI: what human intelligence does (perceiving, remembering, understanding …), done by a computer; one of several definitions | [01 · What shall a machine be like?](01_why_visual_perception.ipynb#What-shall-a-machine-be-like?) |
# | 3 | People learn the world through their senses and by acting on it; perception comes first (plausible, not a law) | [01 · Looking, and doing](01_why_visual_perception.ipynb#Looking,-and-doing) |
# | 4 | Perception gives a system its input and output; what people use, people should understand | [01 · What goes in, what comes out](01_why_visual_perception.ipynb#What-goes-in,-what-comes-out) |
# | 5 | Several senses tell more than one, if their errors are not the same | [01 · Two senses beat one](01_why_visual_perception.ipynb#Two-senses-beat-one) |
# | 6 | How we take in information is still being researched | [01 · What nobody knows yet](01_why_visual_perception.ipynb#What-nobody-knows-yet) |
# | 7 | Sensing forms an image on the retina; interpreting it is the brain's work | [01 · What the eye delivers](01_why_visual_perception.ipynb#What-the-eye-delivers) |
# | 8 | A machine turns a scene into a tidy data structure, a representation; learned ones are seldom readable | [01 · A scene as a table](01_why_visual_perception.ipynb#A-scene-as-a-table) |
# | 9 | Graphics renders a scene from its description; vision is the inverse, and is not always solvable | [01 · Graphics forwards, vision backwards](01_why_visual_perception.ipynb#Graphics-forwards,-vision-backwards) |
# | 10 | Computer vision includes studying biological vision | [01 · Nature went first](01_why_visual_perception.ipynb#Nature-went-first) |
# | 11 | Human vision fails where it had no practice: upside-down faces | [01 · Where your own eyes fail](01_why_visual_perception.ipynb#Where-your-own-eyes-fail) |
# | 12 | The classical way: an expert designs features, a simple model does the rest | [02 · By hand: say what matters](02_features_by_hand_or_learned.ipynb#By-hand:-say-what-matters) |
# | 13 | The deep way: learn the features too, end to end | [02 · End to end: say only what is right](02_features_by_hand_or_learned.ipynb#End-to-end:-say-only-what-is-right) |
# | 14 | Experts have prejudices, and overlook features | [02 · Prejudices of experts](02_features_by_hand_or_learned.ipynb#Prejudices-of-experts) |
# | 15 | Gradient descent finds better features, given enough data; the architecture is still designed by hand | [02 · Who finds better features?](02_features_by_hand_or_learned.ipynb#Who-finds-better-features?) |
# | 16 | What comes next: fusing senses, controllable generation, looking inside networks | [02 · Three things to come](02_features_by_hand_or_learned.ipynb#Three-things-to-come) |
#
# ### Classification as search
#
# | no. | concept | see it |
# |---|---|---|
# | 17 | A classifier maps an image to one of a fixed set of classes, by scores | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 18 | With all the data in the world everything could be separated, except for what the image itself leaves open | [03 · More data](03_classification_as_search.ipynb#More-data) |
# | 19 | Look up the most similar images and let them vote | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 20 | So classification becomes search | [03 · Look it up](03_classification_as_search.ipynb#Look-it-up) |
# | 21 | Computation and memory grow in proportion to the data | [03 · What it costs](03_classification_as_search.ipynb#What-it-costs) |
# | 22 | No memory holds all images of the world | [03 · What it costs](03_classification_as_search.ipynb#What-it-costs) |
# | 23 | "Similar" must be defined first | [03 · What does similar mean?](03_classification_as_search.ipynb#What-does-similar-mean?) |
# | 24 | A network compresses the data into its weights; a metaphor with limits | [03 · Keep 31 kB](03_classification_as_search.ipynb#Keep-31-kB) |
#
# ### One layer
#
# | no. | concept | see it |
# |---|---|---|
# | 25 | One fully connected layer: a weighted sum of all pixels and a bias for each class | [04 · One number for each pixel and class](04_one_layer_one_template.ipynb#1-One-number-for-each-pixel-and-class) |
# | 26 | Its weights are a template of the image's size, compared by inner product | [04 · Templates without training](04_one_layer_one_template.ipynb#2-Templates-without-training) |
# | 27 | The templates look like class averages; exactly so only at the first step | [04 · Are the learned templates averages?](04_one_layer_one_template.ipynb#4-Are-the-learned-templates-averages?) |
# | 28 | One template per class is one direction: opposite appearances are impossible | [04 · One pattern for each class](04_one_layer_one_template.ipynb#5-One-pattern-for-each-class) |
# | 29 | It breaks when the object is shifted, rescaled or cut; so do other pixel methods | [04 · Small changes that break it](04_one_layer_one_template.ipynb#6-Small-changes-that-break-it) |
# | 30 | Hence CNNs; but one that is trained on centred images only breaks as well | [04 · More data, or another network?](04_one_layer_one_template.ipynb#7-More-data,-or-another-network?) |
#
# ### Convolution
#
# | no. | concept | see it |
# |---|---|---|
# | 31 | Looking locally needs far fewer weights, but still different ones at each position | [05 · Two steps: look locally, then share](05_from_dense_to_convolution.ipynb#3-Two-steps:-look-locally,-then-share) |
# | 32 | The same local feature can occur anywhere | [05 · What does each step gain?](05_from_dense_to_convolution.ipynb#4-What-does-each-step-gain?) |
# | 33 | Share the weights and slide them over the image: convolution | [05 · A small template that slides](05_from_dense_to_convolution.ipynb#1-A-small-template-that-slides) |
# | 34 | The responses of one filter form a feature map | [05 · What a filter finds](05_from_dense_to_convolution.ipynb#2-What-a-filter-finds) |
# | 35 | Few parameters, used again everywhere: less overfitting, not none | [05 · What does each step gain?](05_from_dense_to_convolution.ipynb#4-What-does-each-step-gain?) |
# | 36 | If the object moves, the feature map moves along; the borders and the stride limit this | [05 · When the image moves, the map moves](05_from_dense_to_convolution.ipynb#5-When-the-image-moves,-the-map-moves) |
# | 37 | A CNN serves as backbone; each task gets its own head | [06 · One backbone, three heads](06_backbone_and_heads.ipynb#2-One-backbone,-three-heads) |
# | 38 | Classification, detection, segmentation: what the heads must return | [06 · Three tasks and how they are judged](06_backbone_and_heads.ipynb#1-Three-tasks-and-how-they-are-judged) |
#
# ### LeNet and AlexNet
#
# | no. | concept | see it |
# |---|---|---|
# | 39 | The Neocognitron came before LeCun, who added learning by backpropagation | [07 · What was known before](07_lenet.ipynb#What-was-known-before) |
# | 40 | LeNet: single characters, postal codes, later cheques by the million | [07 · Postal codes: the network of 1989](07_lenet.ipynb#1-Postal-codes:-the-network-of-1989) |
# | 41 | AlexNet against LeNet: more layers, weights and data, ReLU, dropout, augmentation | [08 · Fourteen years after LeNet](08_alexnet.ipynb#Fourteen-years-after-LeNet) |
# | 42 | Its diagram gives the sizes of the activation maps, in two paths | [08 · The diagram](08_alexnet.ipynb#The-diagram) |
# | 43 | Two paths, since one GPU's memory was too small | [08 · Two cards of 3 GB](08_alexnet.ipynb#Two-cards-of-3-GB) |
# | 44 | They cross seldom to save communication: at conv3 and in the full layers | [08 · Where the towers meet](08_alexnet.ipynb#Where-the-towers-meet) |
# | 45 | 48 = 96 kernels on two GPUs | [08 · Where the towers meet](08_alexnet.ipynb#Where-the-towers-meet) |
# | 46 | The single-stream form without normalisation | [08 · One stream](08_alexnet.ipynb#One-stream) |
# | 47 | A feature map must become a vector before a full layer | [08 · From maps to a list](08_alexnet.ipynb#From-maps-to-a-list) |
# | 48 | Average pooling keeps the channels, flattening keeps everything | [08 · From maps to a list](08_alexnet.ipynb#From-maps-to-a-list) |
# | 49 | Joining the paths: 48 → 96 in conv1, 2048 + 2048 → 4096 in the full layers | [08 · One stream](08_alexnet.ipynb#One-stream) |
# | 50 | Local response normalisation works across channels; batch normalisation replaced it | [08 · Divided by the neighbours](08_alexnet.ipynb#Divided-by-the-neighbours) |
# | 51 | 11 × 11 kernels for a large view; rare today, and coming back | [08 · Eleven by eleven](08_alexnet.ipynb#Eleven-by-eleven) |
#
# ### Receptive field
#
# | no. | concept | see it |
# |---|---|---|
# | 52 | The receptive field: the input pixels on which one output depends | [09 · What one element depends on](09_receptive_field.ipynb#What-one-element-depends-on) |
# | 53 | It grows with each layer | [09 · Down to the input](09_receptive_field.ipynb#Down-to-the-input) |
# | 54 | Its formula, and where the short one stops being true | [09 · The lecture's missing formula](09_receptive_field.ipynb#The-lecture's-missing-formula) |
#
# ### VGG
#
# | no. | concept | see it |
# |---|---|---|
# | 55 | VGG goes deeper than AlexNet | [10 · Six networks from one table](10_vgg.ipynb#Six-networks-from-one-table) |
# | 56 | Only 3 × 3 convolutions and 2 × 2 pooling, with exceptions | [10 · Six networks from one table](10_vgg.ipynb#Six-networks-from-one-table) |
# | 57 | Its features serve other tasks | [10 · Features for other tasks](10_vgg.ipynb#Features-for-other-tasks) |
# | 58 | Deeper was better, until 19 layers | [10 · Deeper until it no longer helps](10_vgg.ipynb#Deeper-until-it-no-longer-helps) |
# | 59 | The input stays 224 × 224; AlexNet's own arithmetic needs 227 | [10 · What goes in](10_vgg.ipynb#What-goes-in) |
# | 60 | Subtract the mean colour (AlexNet: the mean image) | [10 · What goes in](10_vgg.ipynb#What-goes-in) |
# | 61 | Small kernels suffice, since a stack of them sees far | [10 · Three small kernels for a large one](10_vgg.ipynb#Three-small-kernels-for-a-large-one) |
# | 62 | Fewer weights for the same view, more nonlinearity | [10 · Three small kernels for a large one](10_vgg.ipynb#Three-small-kernels-for-a-large-one) |
# | 63 | The whole family in one table | [10 · VGG on one page](10_vgg.ipynb#VGG-on-one-page) |

# %% [markdown]
# ## Glossary, Korean – English
#
# The lecture was held in Korean. These are its terms.
#
# | 한국어 | English | 한국어 | English | 한국어 | English |
# |---|---|---|---|---|---|
# | 영상인식 | image recognition | 조건부 생성모델 | conditional generative model | 매개변수 | parameter |
# | 분류 | classification | 시각화 | visualization | 과적합 | overfitting |
# | 분류기 | classifier | 질의 | query | 백본 | backbone |
# | 지각 | perception | 검색 | search | 헤드 | head |
# | 감지 | sensing | 최근접이웃 | nearest neighbour | 객체검출 | object detection |
# | 해석 | interpretation | 유사도 | similarity | 분할 | segmentation |
# | 인지 | cognition | 연산량 | computation | 회귀 | regression |
# | 오감 | five senses | 메모리 용량 | memory | 우편번호 | postal code |
# | 촉감 | touch | 압축 | compression | 합성곱 | convolution |
# | 표정 | facial expression | 완전연결층 | fully connected layer | 보폭 | stride |
# | 멀티모달 | multimodal | 가중합 | weighted sum | 덧대기 | padding |
# | 자료구조 | data structure | 내적 | inner product | 최대풀링 | max pooling |
# | 표현 | representation | 가중치 | weight | 전역평균풀링 | global average pooling |
# | 재구성 | reconstruction | 비선형함수 | nonlinearity | 평탄화 | flatten |
# | 렌더링 | rendering | 템플릿 | template | 벡터화 | vectorisation |
# | 편향 | bias | 평균 이미지 | average image | 수용영역 | receptive field |
# | 수정체 | lens | 국부연결 | locally connected | 국소응답정규화 | local response normalisation |
# | 망막 | retina | 가중치 공유 | weight sharing | 배치정규화 | batch normalisation |
# | 특징추출 | feature extraction | 슬라이딩 윈도우 | sliding window | 명암 | brightness |
# | 선입견 | prejudice | 특징맵 | feature map | 일반화 | generalisation |
# | 종단간 | end-to-end | 활성화맵 | activation map | 등변성 | equivariance |
# | 경사하강법 | gradient descent | 은닉노드 | hidden node | 불변성 | invariance |

# %% [markdown]
# ## Worked solution
#
# Average over channel, row and column, and leave the axis of the images alone. NumPy takes the mean
# of whole numbers in floating point, so that nothing overflows.


# %%
def mean_brightness(images):
    return images.mean(axis=(1, 2, 3)) / 255


checks.check(mean_brightness)

# %% [markdown]
# ## Summary
#
# - An image is an array of numbers; recognition means getting from them to a word.
# - Predict, run, see, and only then read why.
# - `check` says what is wrong, `hint` helps, the solutions stand at the end.
# - Everything here runs on an ordinary laptop.
# - The map shows where each concept happens: start with
#   [01 Why visual perception](01_why_visual_perception.ipynb).
#
# **Reference.** H. Xiao, K. Rasul, R. Vollgraf: *Fashion-MNIST: a Novel Image Dataset for
# Benchmarking Machine Learning Algorithms*, arXiv:1708.07747, 2017. The pictures of clothes are
# theirs (MIT licence).
